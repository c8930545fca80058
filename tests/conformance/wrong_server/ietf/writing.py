"""Content of uploads of the draft.

Belongs here: storing, lengths, the end. Not here: which request may bring content (creating.py, verbs.py).
"""

import gzip
from contextlib import suppress

from tests.conformance.wrong_server.http import Cut, Request
from tests.conformance.wrong_server.uploads import House

from .bugs import DraftBug
from .digests import claims, matches
from .fields import inconsistent, length_of, problem
from .telling import tell_progress
from .uploads import Draft


def record_length(house: House, upload: Draft, request: Request, *, complete: bool) -> None:
    """What the request says of the length. Raises Refused where it contradicts itself, or earlier ones."""
    at = len(upload.content)
    said = length_of(request, house.bugs)
    whole = at + request.size if complete and request.size is not None else None
    if said is not None and whole is not None and DraftBug.TWO_LENGTHS_REFUSED in house.bugs:
        raise problem(400)
    if DraftBug.SHORT_IS_WHOLE in house.bugs and said is not None and (whole or 0) < said:
        said = whole
    known = None if DraftBug.LATER_LENGTH_WINS in house.bugs else upload.length
    lengths = {length for length in (said, whole, known) if length is not None}
    if len(lengths) > 1:
        raise inconsistent(house.bugs)
    if lengths and not (DraftBug.CUT_LENGTH_FORGOTTEN in house.bugs and complete):
        upload.length = lengths.pop()
    passes = upload.length is not None and at + (request.size or 0) > upload.length
    if passes and DraftBug.WHAT_FITS_IS_TAKEN not in house.bugs:
        raise problem(413)


async def receive(house: House, upload: Draft, request: Request, *, complete: bool) -> None:
    """Append the content, and complete the upload if it says so. Raises Refused, Cut."""
    before = len(upload.content)
    async with upload.written_by(request):
        try:
            await _receive(house, upload, request)
        except Cut:
            _cut(house, upload, before, request, complete=complete)
            raise
    full = upload.length == len(upload.content) and DraftBug.LENGTH_COMPLETES in house.bugs
    if complete or full:
        _complete(house, upload)


async def _receive(house: House, upload: Draft, request: Request) -> None:
    claimed = claims(request.header("Content-Digest") or "", house.bugs)
    if claimed and not (request.method == "POST" and DraftBug.CREATION_DIGEST_IGNORED in house.bugs):
        content = b"".join([piece async for piece in request.body()])
        _verify(house, upload, content, claimed)
        _store(house, upload, content, request)
        return
    async for piece in request.body():
        _store(house, upload, piece, request)
        tell_progress(house, upload, request)


def _verify(house: House, upload: Draft, content: bytes, claimed: dict[str, bytes]) -> None:
    over = bytes(upload.content) + content if DraftBug.DIGEST_OF_ALL in house.bugs else content
    if matches(over, claimed, house.bugs):
        return
    if DraftBug.MISMATCH_APPENDED in house.bugs:
        upload.content += content
    raise problem(460 if DraftBug.MISMATCH_460 in house.bugs else 400)


def _store(house: House, upload: Draft, piece: bytes, request: Request) -> None:
    """Raises Refused where it goes past the length."""
    if DraftBug.GUNZIPS in house.bugs and request.header("Content-Encoding"):
        with suppress(gzip.BadGzipFile, EOFError):
            piece = gzip.decompress(piece)
    upload.content += piece + (b"\r\n" if request.size is None and _counts_framing(house) else b"")
    if upload.length is None or len(upload.content) <= upload.length:
        return
    del upload.content[upload.length :]
    if DraftBug.WHAT_FITS_IS_TAKEN in house.bugs:
        return
    upload.is_gone = DraftBug.PAST_LENGTH_SURVIVES not in house.bugs
    raise problem(413)


def _counts_framing(house: House) -> bool:
    return DraftBug.FRAMING_COUNTED in house.bugs


def _cut(house: House, upload: Draft, before: int, request: Request, *, complete: bool) -> None:
    creates = request.method == "POST"
    dropped = DraftBug.CUT_CREATION_DROPPED if creates else DraftBug.CUT_APPEND_DROPPED
    if dropped in house.bugs:
        del upload.content[before:]
    ends = DraftBug.CUT_CREATION_COMPLETES if creates else DraftBug.CUT_APPEND_COMPLETES
    if complete and ends in house.bugs:
        upload.is_complete = True


def _complete(house: House, upload: Draft) -> None:
    """Raises Refused where the whole is not what was said of it."""
    if upload.length not in (None, len(upload.content)) and not house.bugs & _LENGTHS_DO_NOT_MATTER:
        raise inconsistent(house.bugs)
    claimed = claims(upload.digest, house.bugs)
    if claimed and (
        DraftBug.REPR_DIGEST_REFUSED in house.bugs or not matches(bytes(upload.content), claimed, house.bugs)
    ):
        upload.is_gone = True
        raise problem(400)
    upload.length = len(upload.content)
    upload.is_complete = True


_LENGTHS_DO_NOT_MATTER = frozenset({DraftBug.SHORT_IS_WHOLE, DraftBug.LATER_LENGTH_WINS})
