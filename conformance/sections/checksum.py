"""Extension: Checksum."""

import asyncio
import base64
import hashlib
import zlib
from collections.abc import Callable

from conformance.checks import Section
from conformance.probe import OCTETS, TUS, Probe
from conformance.request import Chunked
from conformance.verdict import Failed, Level, NotOffered, Unclear
from conformance.want import (
    want_content,
    want_header,
    want_no_success,
    want_offset,
    want_settled,
    want_status,
    want_value,
)

SECTION = Section("Checksum")

NEEDS = ("checksum",)

HELLO = b"hello world"
RIGHT = "Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="
"""Of HELLO; the example of the specification."""

MISMATCH = 460

_GIVEN_TIME = 0.3
"""Seconds for a server to read what is half sent."""

_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "sha1": lambda raw: hashlib.sha1(raw, usedforsecurity=False).digest(),
    "md5": lambda raw: hashlib.md5(raw, usedforsecurity=False).digest(),
    "sha256": lambda raw: hashlib.sha256(raw).digest(),
    "sha512": lambda raw: hashlib.sha512(raw).digest(),
    "crc32": lambda raw: zlib.crc32(raw).to_bytes(4, "big"),
}


@SECTION.check(
    "SUM-1",
    level=Level.MUST,
    wants="A server that verifies checksums adds checksum to Tus-Extension.",
)
async def checksums_are_announced(probe: Probe) -> None:
    response = await probe.ask("OPTIONS", probe.base)
    if probe.announces("checksum"):
        want_header(response, "Tus-Checksum-Algorithm")
        return
    upload = await probe.create(11)
    if (await probe.patch(upload, 0, b"hello wOrld", RIGHT)).status == MISMATCH:
        raise Failed("a checksum was verified, but checksum is not in Tus-Extension")
    raise NotOffered("checksum is not in Tus-Extension")


@SECTION.check(
    "SUM-1",
    level=Level.MUST,
    wants="Tus-Checksum-Algorithm is a list with sha1 in it; names are ASCII without capitals.",
    needs=NEEDS,
)
async def sha1_is_among_the_algorithms(probe: Probe) -> None:
    names = (await probe.ask("OPTIONS", probe.base)).listed("Tus-Checksum-Algorithm")
    if "sha1" not in names:
        raise Failed(f"wanted sha1 in Tus-Checksum-Algorithm, found {names}")
    odd = [name for name in names if not name.isascii() or name != name.lower() or " " in name]
    if odd:
        raise Failed(f"wanted names without capitals, found {odd}")


@SECTION.check(
    "SUM-2",
    level=Level.MUST,
    wants="Upload-Checksum is over the body of this request; a matching one is accepted.",
    needs=NEEDS,
)
async def a_matching_checksum_is_accepted(probe: Probe) -> None:
    upload = await probe.create(22)
    want_status(await probe.patch(upload, 0, HELLO, RIGHT), 204)
    # Over this request alone, not over what is stored so far.
    patched = await probe.patch(upload, 11, HELLO, RIGHT)
    want_status(patched, 204)
    want_value(patched, "Upload-Offset", 22)
    await want_content(probe, upload, HELLO * 2)


@SECTION.check(
    "SUM-2",
    level=Level.MUST,
    wants="The checksum of a chunked body is over its content, without the framing.",
    needs=NEEDS,
)
async def the_checksum_is_over_the_content(probe: Probe) -> None:
    upload = await probe.create(11)
    want_status(await probe.patch(upload, 0, Chunked((b"hello", b" world")), RIGHT), 204)


@SECTION.check(
    "SUM-2",
    level=Level.MUST,
    wants="Every algorithm that is announced works.",
    needs=NEEDS,
)
async def every_algorithm_works(probe: Probe) -> None:
    for name in set(probe.offer.algorithms) & _DIGESTS.keys():
        upload = await probe.create(11)
        digest = base64.b64encode(_DIGESTS[name](HELLO)).decode()
        wrong = base64.b64encode(_DIGESTS[name](b"other")).decode()
        refused = await probe.patch(upload, 0, HELLO, f"Upload-Checksum: {name} {wrong}")
        want_no_success(refused, f"a wrong {name}")
        want_status(await probe.patch(upload, 0, HELLO, f"Upload-Checksum: {name} {digest}"), 204)


@SECTION.check(
    "SUM-3",
    level=Level.MUST,
    wants="If the checksum does not match, the bytes are discarded and the offset is not updated.",
    needs=NEEDS,
)
async def a_mismatch_changes_nothing(probe: Probe) -> None:
    upload = await probe.create(11)
    want_no_success(await probe.patch(upload, 0, b"hello wOrld", RIGHT), "a wrong checksum")
    await want_offset(probe, upload, 0, "because the checksum did not match")
    want_status(await probe.patch(upload, 0, HELLO, RIGHT), 204)
    await want_content(probe, upload, HELLO)


@SECTION.check(
    "SUM-3",
    level=Level.SHOULD,
    wants="A mismatch is answered 460.",
    needs=NEEDS,
)
async def a_mismatch_is_answered_460(probe: Probe) -> None:
    upload = await probe.create(11)
    want_status(await probe.patch(upload, 0, b"hello wOrld", RIGHT), MISMATCH)


@SECTION.check(
    "SUM-3",
    level=Level.MUST,
    wants="With an algorithm that the server does not know, nothing is stored.",
    needs=NEEDS,
)
async def an_unknown_algorithm_stores_nothing(probe: Probe) -> None:
    upload = await probe.create(11)
    unknown = "Upload-Checksum: md2025 Kq5sNclPz7QV2+lfQIuc6R7oRu0="
    want_no_success(await probe.patch(upload, 0, HELLO, unknown), "an unknown algorithm")
    await want_offset(probe, upload, 0, "because the checksum could not be verified")


@SECTION.check(
    "SUM-3",
    level=Level.SHOULD,
    wants="An unknown algorithm is answered 400.",
    needs=NEEDS,
)
async def an_unknown_algorithm_is_answered_400(probe: Probe) -> None:
    upload = await probe.create(11)
    want_status(await probe.patch(upload, 0, HELLO, "Upload-Checksum: md2025 AAAA"), 400)


@SECTION.check(
    "SUM-4",
    level=Level.HABIT,
    wants="A malformed Upload-Checksum is answered 400 and nothing is stored.",
    needs=NEEDS,
)
async def malformed_checksums_are_refused(probe: Probe) -> None:
    upload = await probe.create(11)
    hexadecimal = hashlib.sha1(HELLO, usedforsecurity=False).hexdigest()
    for text in ("sha1", "sha1 ???", f"sha1 {hexadecimal}", "sha1 Kq5s", "", "Kq5sNclPz7QV2+lfQIuc6R7oRu0="):
        want_status(await probe.patch(upload, 0, HELLO, f"Upload-Checksum: {text}"), 400)
        await want_offset(probe, upload, 0, f"because {text!r} is no checksum")


@SECTION.check(
    "SUM-5",
    level=Level.HABIT,
    wants="Of a body with a checksum that breaks off nothing is kept: it cannot be verified.",
    needs=NEEDS,
)
async def a_cut_body_with_a_checksum_is_dropped(probe: Probe) -> None:
    upload = await probe.create(11)
    lines = (TUS, OCTETS, RIGHT, "Upload-Offset: 0", "Content-Length: 11")
    sent = probe.head_bytes("PATCH", upload, *lines) + b"hello"
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        await asyncio.sleep(_GIVEN_TIME)
        connection.cut()
    probe.note(sent, "the check cut the connection here")
    await asyncio.sleep(_GIVEN_TIME)
    await want_settled(probe, upload, 0, "because half a body cannot be verified")
    want_status(await probe.patch(upload, 0, HELLO, RIGHT), 204)
    await want_content(probe, upload, HELLO)


@SECTION.check(
    "SUM-6",
    level=Level.HABIT,
    wants="No offset is told for bytes that are not verified yet.",
    needs=NEEDS,
)
async def unverified_bytes_are_not_told(probe: Probe) -> None:
    upload = await probe.create(11)
    lines = (TUS, OCTETS, RIGHT, "Upload-Offset: 0", "Content-Length: 11")
    sent = probe.head_bytes("PATCH", upload, *lines) + b"hello"
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        await asyncio.sleep(_GIVEN_TIME)
        probe.note(sent, "left hanging")
        try:
            async with asyncio.timeout(probe.subject.patience):
                head = await probe.head(upload)
        except TimeoutError as error:
            raise Unclear("HEAD was not answered beside a hanging PATCH") from error
    if head.succeeded:
        want_value(head, "Upload-Offset", 0)


@SECTION.check(
    "SUM-7",
    level=Level.SHOULD,
    wants="The reason phrase of 460 is Checksum Mismatch.",
    needs=NEEDS,
)
async def the_mismatch_has_its_name(probe: Probe) -> None:
    upload = await probe.create(11)
    response = await probe.patch(upload, 0, b"hello wOrld", RIGHT)
    want_status(response, MISMATCH)
    if response.reason.lower() != "checksum mismatch":
        raise Failed(f"wanted the reason phrase Checksum Mismatch, found {response.reason!r}")
