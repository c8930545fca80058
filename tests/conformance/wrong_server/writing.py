"""PATCH: bytes of a body, verified or not.

Belongs here: storing. Not here: creating uploads (creating.py).
"""

import gzip
from contextlib import suppress

from .bugs import Bug
from .http import Answer, Cut, Request
from .parsing import ALGORITHMS, Refused, checked_length, number, parse_checksum, single
from .uploads import House, Upload

OCTETS = "application/offset+octet-stream"


async def patch(house: House, request: Request) -> Answer:
    """Raises Refused, Cut."""
    upload = house.find(request)
    if upload.is_final and Bug.FINAL_PATCHED not in house.bugs:
        raise Refused(403)
    if upload.busy and Bug.TWO_WRITERS not in house.bugs:
        raise Refused(423)
    upload.busy = True
    try:
        before = await _append(house, upload, request)
    finally:
        upload.busy = False
        upload.settled = len(upload.content)
    return _told(house, upload, before)


async def _append(house: House, upload: Upload, request: Request) -> int:
    """The offset before. The upload keeps what was stored, and a length only if nothing was refused."""
    known = upload.length
    if Bug.REFUSED_LENGTH_STICKS in house.bugs:
        known = _late_length(house, upload, request)
    try:
        before = await _check_offset(house, upload, request)
        check_type(house, request)
        _late_length(house, upload, request)
        check_room(upload, request, before)
        await receive(house, upload, request, before)
    except Refused:
        upload.length = known
        raise
    if upload.path not in house.uploads and Bug.COMES_BACK not in house.bugs:
        raise Refused(410)
    house.uploads[upload.path] = upload
    house.finish(upload)
    return before


def _told(house: House, upload: Upload, before: int) -> Answer:
    offset = before if Bug.OLD_OFFSET_TOLD in house.bugs else len(upload.content)
    headers = {"Upload-Offset": str(offset)}
    ends = upload.is_partial and upload.is_complete and Bug.NO_EXPIRES_AT_THE_END in house.bugs
    if Bug.NO_EXPIRES_ON_PATCH not in house.bugs and not ends:
        headers |= house.expires(upload)
    if Bug.FRAMED_204 in house.bugs:
        headers["Content-Length"] = "0"
    return Answer(status=200 if Bug.PATCH_ANSWERED_200 in house.bugs else 204, headers=headers)


async def _check_offset(house: House, upload: Upload, request: Request) -> int:
    text = single(request, "Upload-Offset", house.bugs)
    if Bug.CALLED_IN_VAIN in house.bugs:
        request.invite()
    if Bug.MINUS_ZERO in house.bugs and text == "-0":
        text = "0"
    offset, current = number(text, kind=Bug.KIND_OFFSETS in house.bugs), len(upload.content)
    if Bug.TWO_WRITERS in house.bugs:
        current = upload.settled
    if offset < current and Bug.LOWER_OFFSETS_TAKEN in house.bugs:
        del upload.content[offset:]
        return offset
    if offset != current:
        if Bug.CONFLICT_STORES in house.bugs:
            await receive(house, upload, request, current)
        conflict = Refused(409)
        conflict.answer.headers = {"Upload-Offset": str(current), **house.expires(upload)}
        raise conflict
    return offset


def check_type(house: House, request: Request) -> None:
    found = (request.header("Content-Type") or "").lower()
    if found != OCTETS and Bug.ANY_CONTENT_TYPE not in house.bugs:
        raise Refused(415)
    if request.header("Content-Encoding") and Bug.GUNZIPS not in house.bugs:
        raise Refused(415)


def _late_length(house: House, upload: Upload, request: Request) -> int | None:
    """The length that a PATCH brings, now the upload's."""
    text = single(request, "Upload-Length", house.bugs)
    if text is None:
        if upload.length is None and Bug.LENGTH_AT_ONCE in house.bugs:
            raise Refused(400, "no length")
        return upload.length
    length = checked_length(text, house.bugs)
    if upload.length not in (None, length) and Bug.LENGTH_CHANGES not in house.bugs:
        raise Refused(400, "another length")
    if length < len(upload.content) and Bug.BELOW_THE_OFFSET not in house.bugs:
        raise Refused(400, "below the offset")
    upload.length = length
    return length


def check_room(upload: Upload, request: Request, offset: int) -> None:
    if upload.length is not None and request.size and offset + request.size > upload.length:
        raise Refused(413)


async def receive(house: House, upload: Upload, request: Request, offset: int) -> None:
    """Append the body. Raises Refused, Cut."""
    if request.size is None and Bug.LENGTH_REQUIRED in house.bugs:
        raise Refused(411)
    if request.size == 0 and Bug.NO_EMPTY_PATCH in house.bugs:
        raise Refused(400, "empty")
    claimed = single(request, "Upload-Checksum", house.bugs)
    announced = "upload-checksum" in (request.header("Trailer") or "").lower()
    if claimed is not None:
        parse_checksum(claimed, house.bugs)
    if claimed is None and not announced:
        await _receive_plain(house, upload, request, offset)
        return
    body = await _receive_whole(house, upload, request)
    _verify(house, upload, body, claimed, request)
    _store(house, upload, body)


async def _receive_plain(house: House, upload: Upload, request: Request, offset: int) -> None:
    try:
        async for piece in request.body():
            room = None if upload.length is None else upload.length - len(upload.content)
            if (
                room is not None
                and len(piece) > room
                and not house.bugs & {Bug.PAST_THE_LENGTH, Bug.TWO_WRITERS}
            ):
                del upload.content[offset:]
                raise Refused(413)
            _store(house, upload, piece)
    except Cut:
        if Bug.CUT_DROPS_ALL in house.bugs:
            del upload.content[offset:]
        raise


async def _receive_whole(house: House, upload: Upload, request: Request) -> bytes:
    """Held back until it is verified."""
    body = bytearray()
    try:
        async for piece in request.body():
            body += piece
            upload.unverified = len(body)
            if upload.length is not None and len(upload.content) + len(body) > upload.length:
                raise Refused(413)
    except Cut:
        if Bug.UNVERIFIED_KEPT in house.bugs:
            _store(house, upload, bytes(body))
        raise
    finally:
        upload.unverified = 0
    return bytes(body)


def _verify(house: House, upload: Upload, body: bytes, claimed: str | None, request: Request) -> None:
    trailer = None if Bug.TRAILERS_DROPPED in house.bugs else request.trailers.get("upload-checksum")
    if claimed is not None and trailer not in (None, claimed):
        raise Refused(400, "two checksums")
    text = claimed or trailer
    if text is None:
        if house.bugs & {Bug.TRAILERS_DROPPED, Bug.MISSING_TRAILER_TAKEN}:
            return
        raise Refused(400, "no checksum in the trailer")
    wanted = parse_checksum(text, house.bugs)
    over = bytes(upload.content) + body if Bug.CHECKSUM_OF_ALL in house.bugs else body
    if wanted is None or ALGORITHMS[wanted[0]][0](over).digest() == wanted[1]:
        return
    if Bug.MISMATCH_KEPT in house.bugs:
        _store(house, upload, body)
    raise Refused(460, reason="" if Bug.NAMELESS_460 in house.bugs else "Checksum Mismatch")


def _store(house: House, upload: Upload, piece: bytes) -> None:
    if Bug.GUNZIPS in house.bugs:
        with suppress(gzip.BadGzipFile, EOFError):
            piece = gzip.decompress(piece)
    if Bug.PATCH_OVERWRITES in house.bugs:
        upload.content[:0] = piece
        return
    upload.content += piece
