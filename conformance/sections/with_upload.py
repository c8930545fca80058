"""Extension: Creation With Upload."""

import asyncio

from conformance.checks import Section
from conformance.connection import NoAnswer
from conformance.exchange import Response
from conformance.probe import NAMED, OCTETS, TUS, Probe
from conformance.request import Chunked
from conformance.verdict import Failed, Level, NotOffered, Unclear
from conformance.want import (
    want_content,
    want_no_header,
    want_no_success,
    want_offset,
    want_refusal,
    want_status,
    want_success,
    want_value,
)

SECTION = Section("Creation With Upload")

NEEDS = ("creation-with-upload",)

_SOON = 2.0
"""Seconds in which a refusal comes, or an invitation to send the body."""

_GIVEN_TIME = 0.3
"""Seconds for a server to read what is half sent."""


@SECTION.check(
    "CWU-1",
    level=Level.MUST,
    wants="A server that takes bytes in the POST adds creation-with-upload, and creation, to Tus-Extension.",
)
async def bytes_in_the_post_are_announced(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, NAMED, OCTETS, "Upload-Length: 10", body=b"hello")
    if probe.announces("creation-with-upload"):
        want_success(response)
        if not probe.announces("creation"):
            raise Failed("creation-with-upload is announced, but not creation")
        return
    if response.status == 201 and await probe.offset(probe.created(response)) == 5:
        raise Failed("bytes in a POST were stored, but creation-with-upload is not in Tus-Extension")
    raise NotOffered("creation-with-upload is not in Tus-Extension")


@SECTION.check(
    "CWU-2",
    level=Level.MUST,
    wants="A POST with a body is answered 201 with Upload-Offset, the bytes that were taken.",
    needs=NEEDS,
)
async def the_post_says_how_much_was_taken(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, NAMED, OCTETS, "Upload-Length: 10", body=b"hello")
    want_status(response, 201)
    want_value(response, "Upload-Offset", 5)
    upload = probe.created(response)
    await want_offset(probe, upload, 5, "as the POST response said")
    want_status(await probe.patch(upload, 5, b" worl"), 204)
    await want_content(probe, upload, b"hello worl")


@SECTION.check(
    "CWU-2",
    level=Level.MUST,
    wants="A POST may bring the whole upload.",
    needs=NEEDS,
)
async def the_post_may_bring_everything(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, NAMED, OCTETS, "Upload-Length: 5", body=b"hello")
    want_status(response, 201)
    want_value(response, "Upload-Offset", 5)
    upload = probe.created(response)
    head = await probe.head_when_free(upload)
    want_value(head, "Upload-Offset", 5)
    want_value(head, "Upload-Length", 5)
    await want_content(probe, upload, b"hello")


@SECTION.check(
    "CWU-2",
    level=Level.HABIT,
    wants="The body of a POST may be chunked: tus-js-client on Node sends it so.",
    needs=NEEDS,
)
async def the_post_may_be_chunked(probe: Probe) -> None:
    response = await probe.ask(
        "POST", probe.base, TUS, NAMED, OCTETS, "Upload-Length: 10", body=Chunked((b"hel", b"lo"))
    )
    want_status(response, 201)
    want_value(response, "Upload-Offset", 5)


@SECTION.check(
    "CWU-2",
    level=Level.MUST,
    wants="Bytes in a POST count only with Content-Type: application/offset+octet-stream.",
    needs=NEEDS,
)
async def a_body_of_another_type_is_not_stored(probe: Probe) -> None:
    response = await probe.ask(
        "POST", probe.base, TUS, NAMED, "Content-Type: text/plain", "Upload-Length: 10", body=b"hello"
    )
    if response.succeeded:
        await want_offset(probe, probe.created(response), 0, "because the Content-Type was wrong")
        return
    want_refusal(response)


@SECTION.check(
    "CWU-3",
    level=Level.HABIT,
    wants="A body longer than Upload-Length is refused, or the truth is told; never more than the length.",
    needs=NEEDS,
)
async def a_post_past_its_length_is_refused(probe: Probe) -> None:
    for body in (b"hello world", Chunked((b"hello", b" world"))):
        response = await probe.ask("POST", probe.base, TUS, NAMED, OCTETS, "Upload-Length: 5", body=body)
        if not response.succeeded:
            want_refusal(response)
            want_no_header(response, "Location")
            continue
        want_value(response, "Upload-Offset", 5)
        await want_offset(probe, probe.created(response), 5, "which is the length")


@SECTION.check(
    "CWU-4",
    level=Level.SHOULD,
    wants="A POST that waits for 100 Continue and must be refused is refused without 100 Continue.",
    needs=NEEDS,
)
async def a_refusal_does_not_invite_the_body(probe: Probe) -> None:
    for lines in (
        ("Tus-Resumable: 0.2.2", OCTETS, "Upload-Length: 10"),
        (TUS, OCTETS),
        (TUS, NAMED, OCTETS, "Upload-Length: ten"),
    ):
        response = await _expecting(probe, *lines)
        _want_no_invitation(response)
        want_refusal(response)
    # These may also be taken as far as they go (CWU-2, CWU-3).
    for lines in (
        (TUS, NAMED, "Content-Type: text/plain", "Upload-Length: 10"),
        (TUS, NAMED, OCTETS, "Upload-Length: 5"),
    ):
        response = await _expecting(probe, *lines)
        if not response.succeeded:
            _want_no_invitation(response)


def _want_no_invitation(refused: Response) -> None:
    if 100 in refused.interim:
        raise Failed("100 Continue came before the refusal")


async def _expecting(probe: Probe, *lines: str) -> Response:
    """The answer to a POST that waits before it sends its body, which it never does."""
    sent = probe.head_bytes("POST", probe.base, *lines, "Content-Length: 10", "Expect: 100-continue")
    async with probe.connect() as connection:
        await connection.write(sent)
        if await connection.interim(_SOON) is not None:
            await connection.write(b"hello worl")
        return await probe.answer(connection, sent, "POST")


@SECTION.check(
    "CWU-4",
    level=Level.HABIT,
    wants="A POST that waits for 100 Continue and is welcome gets it.",
    needs=NEEDS,
)
async def a_welcome_body_is_invited(probe: Probe) -> None:
    response = await _expecting(probe, TUS, NAMED, OCTETS, "Upload-Length: 10")
    want_status(response, 201, 417)


@SECTION.check(
    "CWU-5",
    level=Level.HABIT,
    wants="A POST that breaks off is not taken for a whole one, and the server goes on.",
    needs=NEEDS,
)
async def a_post_that_breaks_off_does_no_harm(probe: Probe) -> None:
    sent = probe.head_bytes("POST", probe.base, TUS, NAMED, OCTETS, "Upload-Length: 10", "Content-Length: 10")
    async with probe.connect() as connection:
        await connection.write(sent + b"hello")
        await asyncio.sleep(_GIVEN_TIME)
        connection.cut()
        try:
            early = await connection.response("POST")
        except NoAnswer:
            early = None
    if early is not None and early.succeeded and early.header("Upload-Offset") == "10":
        raise Failed("half a body was answered as if it were whole")
    probe.note(sent + b"hello", "the check cut the connection here")
    await want_offset(probe, await probe.create(10), 0, "of a new upload")


@SECTION.check(
    "CWU-6",
    level=Level.MUST,
    wants="Upload-Checksum on a POST is verified like on a PATCH.",
    needs=("creation-with-upload", "checksum"),
)
async def a_checksum_on_the_post_is_verified(probe: Probe) -> None:
    checksum = "Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="
    lines = (TUS, NAMED, OCTETS, checksum, "Upload-Length: 11")
    response = await probe.ask("POST", probe.base, *lines, body=b"hello wOrld")
    if response.succeeded:
        await want_offset(probe, probe.created(response), 0, "because the checksum did not match")
        return
    want_status(response, 460)
    right = await probe.ask("POST", probe.base, *lines, body=b"hello world")
    want_status(right, 201)


@SECTION.check(
    "CWU-7",
    level=Level.HABIT,
    wants="A final upload takes no bytes with its POST.",
    needs=("creation-with-upload", "concatenation"),
)
async def a_final_upload_brings_no_bytes(probe: Probe) -> None:
    partial = await probe.uploaded(b"hello", "Upload-Concat: partial")
    if await probe.offset(partial) is None:
        raise Unclear("no partial upload could be made")
    final = f"Upload-Concat: final;{partial.url}"
    response = await probe.ask("POST", probe.base, TUS, NAMED, OCTETS, final, body=b"more")
    want_no_success(response, "a final upload with a body")
    want_refusal(response)
