"""Extension: Concatenation, what a final upload is made of and says."""

from conformance.checks import Section
from conformance.exchange import Response
from conformance.probe import NAMED, TUS, Probe
from conformance.resource import Resource
from conformance.verdict import Failed, Level, NotOffered
from conformance.want import (
    want_content,
    want_no_header,
    want_no_success,
    want_offset,
    want_pairs,
    want_settled,
    want_status,
    want_success,
    want_value,
)

SECTION = Section("Concatenation")

NEEDS = ("concatenation",)
PARTIAL = "Upload-Concat: partial"


async def partials(probe: Probe, *contents: bytes) -> list[Resource]:
    """Complete partial uploads, for one final upload: a server may delete them when it has been made."""
    return [await probe.uploaded(content, PARTIAL) for content in contents]


async def join(probe: Probe, *locations: str) -> Response:
    """The answer to the POST that makes a final upload of these URLs."""
    return await probe.ask("POST", probe.base, TUS, NAMED, f"Upload-Concat: final;{' '.join(locations)}")


async def want_final(probe: Probe, response: Response, content: bytes) -> Resource:
    """A final upload was made and becomes complete with this content."""
    want_status(response, 201)
    final = probe.created(response)
    await want_settled(probe, final, len(content), "the sum of the partial uploads")
    await want_content(probe, final, content)
    return final


@SECTION.check(
    "CAT-1",
    level=Level.MUST,
    wants="A server that concatenates adds concatenation to Tus-Extension.",
)
async def concatenation_is_announced(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, NAMED, PARTIAL, "Upload-Length: 5")
    if probe.announces("concatenation"):
        want_success(response)
    elif response.succeeded and (await probe.head(probe.created(response))).every("Upload-Concat"):
        raise Failed("a partial upload was made, but concatenation is not in Tus-Extension")
    else:
        raise NotOffered("concatenation is not in Tus-Extension")


@SECTION.check(
    "CAT-2",
    level=Level.MUST,
    wants="A partial upload is made with Upload-Concat: partial; HEAD repeats it, and says Upload-Offset.",
    needs=NEEDS,
)
async def a_partial_says_that_it_is_one(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, PARTIAL, "Upload-Length: 5")
    want_status(response, 201)
    head = await probe.head(probe.created(response))
    want_value(head, "Upload-Concat", "partial")
    want_value(head, "Upload-Offset", 0)
    want_value(head, "Upload-Length", 5)


@SECTION.check(
    "CAT-3",
    level=Level.MUST,
    wants="A final upload is the partial uploads in the order of the list; its length is their sum.",
    needs=NEEDS,
)
async def the_order_of_the_list_counts(probe: Probe) -> None:
    one, two, three = await partials(probe, b"hello ", b"beautiful ", b"world")
    await want_final(probe, await join(probe, one.url, two.url, three.url), b"hello beautiful world")
    four, five = await partials(probe, b"hello ", b"world")
    final = await want_final(probe, await join(probe, five.url, four.url), b"worldhello ")
    want_value(await probe.head(final), "Upload-Length", 11)


@SECTION.check(
    "CAT-4",
    level=Level.MUST,
    wants="The URLs in the list are absolute or relative, also mixed.",
    needs=NEEDS,
)
async def urls_may_be_relative(probe: Probe) -> None:
    one, two = await partials(probe, b"hello ", b"world")
    await want_final(probe, await join(probe, one.path, two.path), b"hello world")
    three, four = await partials(probe, b"hello ", b"world")
    await want_final(probe, await join(probe, three.url, four.path), b"hello world")


@SECTION.check(
    "CAT-4",
    level=Level.HABIT,
    wants="A list that names what is not an upload of this server is refused, and never fetched.",
    needs=NEEDS,
)
async def foreign_urls_are_refused(probe: Probe) -> None:
    (one,) = await partials(probe, b"hello ")
    lost = probe.base.beside("00000000000000000000000000000000")
    elsewhere = "http://elsewhere.invalid"
    nowhere = (f"{elsewhere}/nothing", f"{elsewhere}{one.path}", "/etc/passwd", "../../../etc/passwd")
    for location in (lost.url, *nowhere):
        response = await join(probe, one.url, location)
        want_no_success(response, f"a list that names {location}")
        want_status(response, 400, 403, 404, 410)


@SECTION.check(
    "CAT-5",
    level=Level.MUST,
    wants="HEAD of a final upload says Upload-Concat as it was received.",
    needs=NEEDS,
)
async def the_list_comes_back_as_it_was(probe: Probe) -> None:
    one, two, three, four = await partials(probe, b"hello ", b"world", b"hello ", b"world")
    for said in (f"{one.url} {two.url}", f"{three.path} {four.path}"):
        final = await want_final(probe, await join(probe, said), b"hello world")
        want_value(await probe.head(final), "Upload-Concat", f"final;{said}")


@SECTION.check(
    "CAT-6",
    level=Level.MUST,
    wants="PATCH to a final upload is answered 403, and neither it nor its partial uploads change.",
    needs=NEEDS,
)
async def a_final_cannot_be_patched(probe: Probe) -> None:
    (one,) = await partials(probe, b"hello")
    final = await want_final(probe, await join(probe, one.url), b"hello")
    for offset, body in ((5, b"more"), (0, b"HELLO"), (5, b""), (3, b"x")):
        want_status(await probe.patch(final, offset, body), 403)
    await want_offset(probe, final, 5, "because a final upload cannot be patched")
    if (await probe.head(one)).succeeded:
        await want_offset(probe, one, 5, "because its partial upload does not change")
    await want_content(probe, final, b"hello")


@SECTION.check(
    "CAT-7",
    level=Level.MUST,
    wants="HEAD of a finished final upload says Upload-Offset and Upload-Length, and they are equal.",
    needs=NEEDS,
)
async def a_finished_final_says_offset_and_length(probe: Probe) -> None:
    one, two = await partials(probe, b"hello ", b"world")
    final = await want_final(probe, await join(probe, one.url, two.url), b"hello world")
    head = await probe.head(final)
    want_value(head, "Upload-Offset", 11)
    want_value(head, "Upload-Length", 11)


@SECTION.check(
    "CAT-7",
    level=Level.SHOULD,
    wants="Until it is finished, HEAD of a final upload says no Upload-Offset.",
    needs=("concatenation-unfinished",),
)
async def an_unfinished_final_says_no_offset(probe: Probe) -> None:
    (one,) = await partials(probe, b"hello")
    two = await probe.create(5, PARTIAL)
    final = probe.created(await join(probe, one.url, two.url))
    want_no_header(await probe.head(final), "Upload-Offset")


@SECTION.check(
    "CAT-8",
    level=Level.MUST,
    wants="HEAD of a final upload says Upload-Length as soon as it can be computed.",
    needs=NEEDS,
)
async def the_length_is_said_early(probe: Probe) -> None:
    one, two = await partials(probe, b"hello ", b"world")
    final = probe.created(await join(probe, one.url, two.url))
    want_value(await probe.head_when_free(final), "Upload-Length", 11)
    if not probe.announces("concatenation-unfinished"):
        return
    (three,) = await partials(probe, b"hello ")
    open_one = await probe.create(9, PARTIAL)
    unfinished = probe.created(await join(probe, three.url, open_one.url))
    want_value(await probe.head_when_free(unfinished), "Upload-Length", 15)


@SECTION.check(
    "CAT-10",
    level=Level.MUST,
    wants="The metadata of partial uploads is not that of the final upload, which has its own.",
    needs=NEEDS,
)
async def a_final_has_its_own_metadata(probe: Probe) -> None:
    named = "Upload-Metadata: filename b25l,filetype Yg=="
    one, two = [await probe.uploaded(b"hello", PARTIAL, named) for _ in range(2)]
    bare = await probe.ask("POST", probe.base, TUS, f"Upload-Concat: final;{one.url}")
    want_no_header(await probe.head_when_free(probe.created(bare)), "Upload-Metadata")
    own = "filename ZmluYWw=,filetype Yg=="
    lines = (f"Upload-Metadata: {own}", f"Upload-Concat: final;{two.url}")
    made = await probe.ask("POST", probe.base, TUS, *lines)
    final = await want_final(probe, made, b"hello")
    want_pairs(await probe.head(final), own)
