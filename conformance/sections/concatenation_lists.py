"""Extension: Concatenation, odd lists and odd partial uploads."""

from conformance.checks import Section
from conformance.probe import TUS, Probe
from conformance.verdict import Level, NotOffered
from conformance.want import (
    want_no_success,
    want_refusal,
    want_settled,
    want_status,
    want_success,
    want_value,
)

from .concatenation import NEEDS, PARTIAL, join, partials, want_final

SECTION = Section("Concatenation, lists")


@SECTION.check(
    "CAT-4",
    level=Level.HABIT,
    wants="A space after the semicolon is tolerated.",
    needs=NEEDS,
)
async def a_space_after_the_semicolon_is_tolerated(probe: Probe) -> None:
    (one,) = await partials(probe, b"hello")
    response = await probe.ask("POST", probe.base, TUS, f"Upload-Concat: final; {one.url}")
    want_status(response, 201)


@SECTION.check(
    "CAT-9",
    level=Level.MUST,
    wants="With concatenation-unfinished a final upload may be made of partial uploads that still grow.",
    needs=("concatenation", "concatenation-unfinished"),
)
async def a_final_waits_for_its_partials(probe: Probe) -> None:
    (one,) = await partials(probe, b"hello ")
    two = await probe.create(5, PARTIAL)
    response = await join(probe, one.url, two.url)
    want_status(response, 201)
    want_status(await probe.patch(two, 0, b"world"), 204)
    await want_final(probe, response, b"hello world")


@SECTION.check(
    "CAT-9",
    level=Level.HABIT,
    wants="Without concatenation-unfinished a list with an unfinished partial upload is refused.",
    needs=NEEDS,
)
async def a_final_of_unfinished_partials_is_refused(probe: Probe) -> None:
    if probe.announces("concatenation-unfinished"):
        raise NotOffered("concatenation-unfinished is announced, so this cannot be asked")
    (one,) = await partials(probe, b"hello ")
    two = await probe.create(5, PARTIAL)
    want_refusal(await join(probe, one.url, two.url))


@SECTION.check(
    "CAT-12",
    level=Level.HABIT,
    wants="A partial upload may be named more than once, and in more than one final upload.",
    needs=NEEDS,
)
async def a_partial_may_be_used_again(probe: Probe) -> None:
    (one,) = await partials(probe, b"hello")
    await want_final(probe, await join(probe, one.url, one.url), b"hellohello")
    await want_final(probe, await join(probe, one.url), b"hello")


@SECTION.check(
    "CAT-13",
    level=Level.HABIT,
    wants="Only partial uploads can be joined, not whole and not final ones.",
    needs=NEEDS,
)
async def only_partials_can_be_joined(probe: Probe) -> None:
    one, two = await partials(probe, b"hello", b"hello")
    whole = await probe.uploaded(b"world")
    want_refusal(await join(probe, one.url, whole.url))
    final = await want_final(probe, await join(probe, two.url), b"hello")
    want_refusal(await join(probe, final.url))


@SECTION.check(
    "CAT-13",
    level=Level.HABIT,
    wants="Anything else in Upload-Concat is answered 400.",
    needs=NEEDS,
)
async def other_values_are_refused(probe: Probe) -> None:
    for text in ("final;", "final", "Partial", "foo", "partial;", ""):
        response = await probe.ask("POST", probe.base, TUS, f"Upload-Concat: {text}", "Upload-Length: 5")
        want_no_success(response, f"Upload-Concat: {text!r}")
        want_status(response, 400)


@SECTION.check(
    "CAT-14",
    level=Level.HABIT,
    wants="A final upload with an Upload-Length or Upload-Defer-Length of its own is refused.",
    needs=NEEDS,
)
async def a_final_says_no_length(probe: Probe) -> None:
    (one,) = await partials(probe, b"hello")
    for line in ("Upload-Length: 5", "Upload-Defer-Length: 1"):
        response = await probe.ask("POST", probe.base, TUS, line, f"Upload-Concat: final;{one.url}")
        want_no_success(response, f"a final upload with {line}")


@SECTION.check(
    "CAT-14",
    level=Level.HABIT,
    wants="A final upload that would be longer than Tus-Max-Size is answered 413.",
    needs=(*NEEDS, "concatenation-unfinished"),
)
async def the_largest_size_holds_for_the_sum(probe: Probe) -> None:
    limit = probe.offer.max_size
    if not limit:
        raise NotOffered("there is no Tus-Max-Size")
    one, two = await probe.create(limit, PARTIAL), await probe.create(1, PARTIAL)
    want_status(await join(probe, one.url, two.url), 413)


@SECTION.check(
    "CAT-14",
    level=Level.HABIT,
    wants="An empty partial upload is as good as any.",
    needs=NEEDS,
)
async def a_partial_may_be_empty(probe: Probe) -> None:
    one, two = await partials(probe, b"", b"hello")
    await want_final(probe, await join(probe, one.url, two.url), b"hello")


@SECTION.check(
    "CAT-15",
    level=Level.HABIT,
    wants="Upload-Concat on a PATCH is ignored: tus-js-client repeats it there.",
    needs=NEEDS,
)
async def upload_concat_on_a_patch_is_ignored(probe: Probe) -> None:
    upload = await probe.create(5, PARTIAL)
    patched = await probe.patch(upload, 0, b"hello", PARTIAL)
    want_success(patched)
    want_value(patched, "Upload-Offset", 5)
    await want_settled(probe, upload, 5, "the bytes of the PATCH")


@SECTION.check(
    "CAT-15",
    level=Level.HABIT,
    wants="Without the extension Upload-Concat is refused, rather than making an upload that is not meant.",
)
async def without_the_extension_nothing_is_joined(probe: Probe) -> None:
    if probe.announces("concatenation"):
        raise NotOffered("concatenation is announced, so this cannot be asked")
    want_no_success(
        await probe.ask("POST", probe.base, TUS, PARTIAL, "Upload-Length: 5"), "Upload-Concat: partial"
    )
