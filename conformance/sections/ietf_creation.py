"""IETF draft: new uploads, and whole ones."""

from conformance.checks import Section
from conformance.draft import begin, create, finish, post
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.specification import Specification
from conformance.verdict import Failed, Level
from conformance.want import (
    want_header,
    want_offset,
    want_status,
    want_success,
)
from conformance.want_draft import (
    want_complete,
    want_incomplete,
    want_limits_if_any,
    want_said_offset,
)

SECTION = Section("Upload Creation", specification=Specification.IETF)

NEEDS = (DRAFT,)

_SHORTEST_NAME = 8


@SECTION.check(
    "RUFH-CRE-1",
    level=Level.MUST,
    wants="An upload may begin without content, to learn its URL.",
    needs=NEEDS,
)
async def an_upload_may_begin_without_content(probe: Probe) -> None:
    made = await begin(probe)
    want_success(made)
    want_header(made, "Location")
    await want_offset(probe, probe.created(made), 0, "because no content was sent")


@SECTION.check(
    "RUFH-CRE-1",
    level=Level.MUST,
    wants="Upload-Complete: ?1 without content is an empty representation.",
    needs=NEEDS,
)
async def a_representation_may_be_empty(probe: Probe) -> None:
    want_success(await post(probe, b""))


@SECTION.check(
    "RUFH-CRE-3",
    level=Level.MUST,
    wants="A representation that came whole needs no resumption: the target answers.",
    needs=NEEDS,
)
async def a_whole_representation_is_taken(probe: Probe) -> None:
    want_success(await post(probe, b"hello"))
    want_success(await post(probe, b"hello", "Upload-Length: 5"))


@SECTION.check(
    "RUFH-CRE-3",
    level=Level.SHOULD,
    wants="The target's answer to a whole representation says Upload-Complete: ?1.",
    needs=NEEDS,
)
async def a_whole_representation_is_called_complete(probe: Probe) -> None:
    for content in (b"hello", b""):
        response = await post(probe, content)
        want_success(response)
        want_complete(response)


@SECTION.check(
    "RUFH-CRE-4",
    level=Level.MUST,
    wants="The answer to a beginning says in Location where the upload goes on.",
    needs=NEEDS,
)
async def a_beginning_says_where_it_goes_on(probe: Probe) -> None:
    made = await begin(probe, body=b"hello")
    want_success(made)
    want_header(made, "Location")
    upload = probe.created(made)
    await want_offset(probe, upload, 5, "the bytes of the beginning")
    last = await finish(probe, upload, 5, b" worl")
    want_success(last)


@SECTION.check(
    "RUFH-CRE-4",
    level=Level.MUST,
    wants="The answer to a beginning says the limits in Upload-Limit, if there are any.",
    needs=NEEDS,
)
async def a_beginning_says_the_limits(probe: Probe) -> None:
    made = await begin(probe, body=b"hello")
    want_success(made)
    want_limits_if_any(probe, made)


@SECTION.check(
    "RUFH-CRE-4",
    level=Level.SHOULD,
    wants="A beginning is answered 201 with Upload-Complete: ?0.",
    needs=NEEDS,
)
async def a_beginning_is_answered_201(probe: Probe) -> None:
    for content in (b"hello", b""):
        made = await begin(probe, body=content)
        want_status(made, 201)
        want_incomplete(made)


@SECTION.check(
    "RUFH-CRE-4",
    level=Level.HABIT,
    wants="The answer to a beginning says Upload-Offset, so that clients need not ask.",
    needs=NEEDS,
)
async def a_beginning_says_its_offset(probe: Probe) -> None:
    for content in (b"hello", b""):
        made = await begin(probe, body=content)
        want_success(made)
        want_said_offset(made, len(content))


@SECTION.check(
    "RUFH-SEC-1",
    level=Level.SHOULD,
    wants="Each upload has a URL of its own, which cannot be guessed from others.",
    needs=NEEDS,
)
async def urls_of_uploads_cannot_be_guessed(probe: Probe) -> None:
    urls = [(await create(probe)).path for _ in range(4)]
    if len(set(urls)) < len(urls):
        raise Failed(f"wanted different URLs, found {urls}")
    names = [url.rstrip("/").rpartition("/")[2] for url in urls]
    if any(name.isdigit() for name in names) or min(map(len, names)) < _SHORTEST_NAME:
        raise Failed(f"wanted long random names, found {names}")
