"""IETF draft: the 104 that says where an upload is, before its content was read."""

from conformance.checks import Section
from conformance.draft import (
    ANNOUNCED,
    HELLO,
    LAST,
    MORE,
    announced_upload,
    announcement,
    creation,
)
from conformance.exchange import Response
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.specification import Specification
from conformance.verdict import Failed, Level, NotOffered
from conformance.want import want_header, want_success
from conformance.want_draft import want_limits_if_any

SECTION = Section("Status Code 104", specification=Specification.IETF)

NEEDS = (DRAFT,)

_CONTINUE = 100


@SECTION.check(
    "RUFH-CRE-2",
    level=Level.SHOULD,
    wants="The upload is announced by a 104 while its content is still to come.",
    needs=NEEDS,
)
async def a_104_comes_before_the_content(probe: Probe) -> None:
    for complete in (LAST, MORE):
        try:
            await _first_104(probe, complete)
        except NotOffered as absence:
            raise Failed(f"wanted a 104 after a POST with {complete}: {absence}") from absence


@SECTION.check(
    "RUFH-CRE-2",
    level=Level.MUST,
    wants="The 104 says in Location where the upload is.",
    needs=NEEDS,
)
async def a_104_says_where_the_upload_is(probe: Probe) -> None:
    for complete in (LAST, MORE):
        early = await _first_104(probe, complete)
        upload = probe.base.join(want_header(early, "Location"))
        want_success(await probe.head_when_free(upload))


@SECTION.check(
    "RUFH-CRE-2",
    level=Level.MUST,
    wants="The 104 says the limits in Upload-Limit, if there are any.",
    needs=NEEDS,
)
async def a_104_says_the_limits(probe: Probe) -> None:
    for complete in (LAST, MORE):
        want_limits_if_any(probe, await _first_104(probe, complete))


async def _first_104(probe: Probe, complete: str) -> Response:
    """What comes before the content, which is never sent. Raises NotOffered."""
    sent = creation(probe, probe.greeting, complete)
    async with probe.connect() as connection:
        await connection.write(sent)
        try:
            early = await announcement(probe, connection)
        except NotOffered:
            probe.note(sent, "no 104, and the content was not sent")
            raise
        probe.note(sent, early)
        return early


@SECTION.check(
    "RUFH-CRE-2",
    level=Level.MUST,
    wants="A 104 does not replace the 100 Continue that a request waits for.",
    needs=NEEDS,
)
async def a_104_does_not_replace_100(probe: Probe) -> None:
    sent = creation(probe, probe.greeting, MORE, "Expect: 100-continue")
    found: list[int] = []
    async with probe.connect() as connection:
        await connection.write(sent)
        while _CONTINUE not in found and (early := await probe.early(connection)) is not None:
            found.append(early.status)
        await connection.write(HELLO)
        response = await probe.answer(connection, sent + HELLO, "POST")
    if _CONTINUE in found:
        return
    if ANNOUNCED not in found:
        raise NotOffered("no 104 came before the content was sent")
    if response.succeeded:
        raise Failed("a 104 came, but no 100 while the content was held back", response)


@SECTION.check(
    "RUFH-CRE-2",
    level=Level.MUST,
    wants="A client of HTTP/1.0 gets no interim response (RFC 9110, 15.2).",
    needs=NEEDS,
)
async def an_old_client_gets_no_104(probe: Probe) -> None:
    sent = creation(probe, probe.greeting, MORE).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1) + HELLO
    async with probe.connect() as connection:
        await connection.write(sent)
        response = await probe.answer(connection, sent, "POST")
    if response.before:
        raise Failed(f"wanted no interim response to HTTP/1.0, found {response.interim}", response)


@SECTION.check(
    "RUFH-CRE-5",
    level=Level.MUST,
    wants="Location is the same in all 104s, and in the answer unless that says Upload-Complete: ?1.",
    needs=NEEDS,
)
async def the_location_stays_the_same(probe: Probe) -> None:
    sent = creation(probe, probe.greeting, MORE)
    async with probe.connect() as connection:
        await connection.write(sent)
        upload = await announced_upload(probe, connection)
        await connection.write(HELLO)
        response = await probe.answer(connection, sent + HELLO, "POST")
    want_success(response)
    want_header(response, "Location")
    said = [where for told in (*response.before, response) for where in told.every("Location")]
    if len(set(said)) > 1:
        raise Failed(f"wanted {upload.url} in each Location, found {said}", response)
