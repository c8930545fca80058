"""Core: PATCH, one request at a time."""

import gzip

from conformance.checks import Section
from conformance.probe import OCTETS, TUS, Probe
from conformance.request import Chunked
from conformance.verdict import Level
from conformance.want import (
    want_content,
    want_header,
    want_no_header,
    want_no_success,
    want_offset,
    want_refusal,
    want_status,
    want_value,
)

SECTION = Section("Core Protocol, PATCH")


@SECTION.check(
    "CORE-PATCH-1",
    level=Level.SHOULD,
    wants="PATCH applies the bytes in the request at Upload-Offset.",
)
async def bytes_go_where_the_offset_says(probe: Probe) -> None:
    upload = await probe.create(12)
    for offset, piece in ((0, b"hello "), (6, b"wor"), (9, b"ld!")):
        want_status(await probe.patch(upload, offset, piece), 204)
        await want_offset(probe, upload, offset + len(piece), f"after {len(piece)} bytes at {offset}")
    await want_content(probe, upload, b"hello world!")


@SECTION.check(
    "CORE-PATCH-2",
    level=Level.MUST,
    wants="PATCH uses Content-Type: application/offset+octet-stream; other bodies are not stored.",
)
async def other_content_types_are_not_stored(probe: Probe) -> None:
    upload = await probe.create(10)
    for line in _OTHER_TYPES:
        patched = await probe.ask("PATCH", upload, TUS, "Upload-Offset: 0", *line, body=b"hello")
        want_no_success(patched, f"the header {line or 'missing Content-Type'}")
        await want_offset(probe, upload, 0, "because the Content-Type was wrong")


_OTHER_TYPES = (
    ("Content-Type: application/octet-stream",),
    ("Content-Type: application/offset+octet-streams",),
    ("Content-Type: text/plain",),
    (),
)


@SECTION.check(
    "CORE-PATCH-2",
    level=Level.SHOULD,
    wants="PATCH with another Content-Type is answered 415.",
)
async def other_content_types_are_answered_415(probe: Probe) -> None:
    upload = await probe.create(10)
    for line in _OTHER_TYPES:
        want_status(await probe.ask("PATCH", upload, TUS, "Upload-Offset: 0", *line, body=b"hello"), 415)


@SECTION.check(
    "CORE-PATCH-3",
    level=Level.MUST,
    wants="If the offset does not match the current one, the answer is 409 and the upload is not modified.",
)
async def a_wrong_offset_changes_nothing(probe: Probe) -> None:
    upload = await probe.create(20)
    await probe.patch(upload, 0, b"hello")
    for wrong in (0, 3, 6, 15, 20, 25):
        want_status(await probe.patch(upload, wrong, b"XXXXX"), 409)
        await want_offset(probe, upload, 5, f"because {wrong} was the wrong offset")
    await probe.patch(upload, 5, b" beautiful worl")
    await want_content(probe, upload, b"hello beautiful worl")


@SECTION.check(
    "CORE-PATCH-4",
    level=Level.MUST,
    wants="Success is 204 with Upload-Offset: the old offset and the bytes that were stored.",
)
async def success_says_the_new_offset(probe: Probe) -> None:
    upload = await probe.create(10)
    for offset in (0, 5):
        patched = await probe.patch(upload, offset, b"hello")
        want_status(patched, 204)
        want_value(patched, "Upload-Offset", offset + 5)
        await want_offset(probe, upload, offset + 5, "as the PATCH response said")


@SECTION.check(
    "CORE-PATCH-4",
    level=Level.MUST,
    wants="A 204 has no Content-Length and no Transfer-Encoding (RFC 9110, 8.6; RFC 9112, 6.1).",
)
async def a_204_has_no_framing(probe: Probe) -> None:
    patched = await probe.patch(await probe.create(10), 0, b"hello")
    if patched.status != 204:
        return
    want_no_header(patched, "Content-Length")
    want_no_header(patched, "Transfer-Encoding")


@SECTION.check(
    "CORE-PATCH-5",
    level=Level.SHOULD,
    wants="PATCH to an upload that does not exist is answered 404.",
)
async def a_patch_to_nothing_is_404(probe: Probe) -> None:
    patched = await probe.patch(probe.base.beside("00000000000000000000000000000000"), 0, b"hello")
    want_status(patched, 404, 410)


@SECTION.check(
    "CORE-PATCH-8",
    level=Level.HABIT,
    wants="A chunked body without Content-Length is taken: tus-js-client on Node sends no other.",
)
async def chunked_bodies_are_taken(probe: Probe) -> None:
    upload = await probe.create(10)
    patched = await probe.patch(upload, 0, Chunked((b"hel", b"lo", b" wor")))
    want_status(patched, 204)
    want_value(patched, "Upload-Offset", 9)
    want_status(await probe.patch(upload, 9, Chunked((b"l",))), 204)
    await want_content(probe, upload, b"hello worl")


@SECTION.check(
    "CORE-PATCH-9",
    level=Level.HABIT,
    wants="A body that is known to be too long is answered 413 and leaves the upload as it was.",
)
async def a_body_past_the_length_is_answered_413(probe: Probe) -> None:
    upload = await probe.create(8)
    want_status(await probe.patch(upload, 0, b"hello world"), 413)
    await want_offset(probe, upload, 0, "because the whole body was refused")


@SECTION.check(
    "CORE-PATCH-10",
    level=Level.HABIT,
    wants="An empty PATCH at the right offset is answered 204 with the same offset.",
)
async def an_empty_patch_changes_nothing(probe: Probe) -> None:
    upload = await probe.create(10)
    await probe.patch(upload, 0, b"hello")
    patched = await probe.patch(upload, 5, b"")
    want_status(patched, 204)
    want_value(patched, "Upload-Offset", 5)
    await want_offset(probe, upload, 5, "because nothing was sent")


@SECTION.check(
    "CORE-PATCH-10",
    level=Level.HABIT,
    wants="More bytes for a complete upload are refused with 4xx and change nothing.",
)
async def a_complete_upload_takes_no_more(probe: Probe) -> None:
    upload = await probe.uploaded(b"hello")
    want_refusal(await probe.patch(upload, 5, b"more"))
    await want_offset(probe, upload, 5, "because the upload is complete")
    await want_content(probe, upload, b"hello")


@SECTION.check(
    "CORE-PATCH-12",
    level=Level.HABIT,
    wants="Offsets count the bytes as sent: a body with Content-Encoding is stored as it is, or refused.",
)
async def encoded_bodies_are_not_decoded(probe: Probe) -> None:
    upload = await probe.create(100)
    patched = await probe.patch(upload, 0, _GZIPPED, "Content-Encoding: gzip")
    if patched.succeeded:
        want_value(patched, "Upload-Offset", len(_GZIPPED))
        return
    want_refusal(patched)
    await want_offset(probe, upload, 0, "because the body was refused")


_GZIPPED = gzip.compress(b"a" * 40, mtime=0)


@SECTION.check(
    "CORE-PATCH-3",
    level=Level.HABIT,
    wants="A 409 says the current Upload-Offset, so that clients need not ask.",
)
async def a_conflict_says_the_offset(probe: Probe) -> None:
    upload = await probe.create(20)
    await probe.patch(upload, 0, b"hello")
    conflict = await probe.patch(upload, 9, b"world")
    want_status(conflict, 409)
    want_header(conflict, "Upload-Offset")
    want_value(conflict, "Upload-Offset", 5)


@SECTION.check(
    "CORE-PATCH-2",
    level=Level.HABIT,
    wants="Media types are compared without regard to case (RFC 9110, 8.3.1).",
)
async def the_content_type_may_have_capitals(probe: Probe) -> None:
    upload = await probe.create(10)
    shouted = OCTETS.replace("application/offset", "Application/Offset")
    patched = await probe.ask("PATCH", upload, TUS, shouted, "Upload-Offset: 0", body=b"hello")
    want_status(patched, 204)
