"""POST: new uploads, final ones, and first bytes.

Belongs here: what a POST makes. Not here: bodies (writing.py).
"""

import base64
import secrets
import time
from urllib.parse import urljoin, urlsplit

from .bugs import Bug
from .http import Answer, Request
from .parsing import MAX_SIZE, Refused, check_metadata, checked_length, single
from .uploads import House, Upload
from .writing import check_room, check_type, receive


async def create(house: House, request: Request) -> Answer:
    """Raises Refused, Cut."""
    metadata = single(request, "Upload-Metadata", house.bugs)
    if metadata is not None:
        check_metadata(metadata, house.bugs)
    concat = single(request, "Upload-Concat", house.bugs)
    upload = Upload(
        path=_new_path(house, metadata),
        length=None,
        metadata=metadata,
        concat=concat,
        expires=time.time() + house.lifetime,
    )
    if concat is None or concat == "partial":
        upload.length = _length(house, request)
    else:
        _plan(house, upload, concat, request)
    told = await _first_bytes(house, upload, request)
    house.uploads.setdefault(upload.path, upload)
    headers = {"Location": house.location(upload), **house.expires(upload), **told}
    return Answer(status=200 if Bug.CREATED_200 in house.bugs else 201, headers=headers)


def _new_path(house: House, metadata: str | None) -> str:
    if Bug.SAME_URL in house.bugs and metadata:
        return f"{house.root}{base64.urlsafe_b64encode(metadata.encode()).decode()[:40]}"
    return f"{house.root}{secrets.token_hex(16)}"


def _length(house: House, request: Request) -> int | None:
    length = single(request, "Upload-Length", house.bugs)
    defer = single(request, "Upload-Defer-Length", house.bugs)
    if length is None and defer is None and Bug.LENGTH_OPTIONAL not in house.bugs:
        raise Refused(400, "no length")
    if length is not None and defer is not None and Bug.BOTH_LENGTHS not in house.bugs:
        raise Refused(400, "two lengths")
    if defer not in (None, "1") and Bug.ANY_DEFER not in house.bugs:
        raise Refused(400, "the only value is 1")
    return None if length is None else checked_length(length, house.bugs)


def _plan(house: House, upload: Upload, concat: str, request: Request) -> None:
    """Make `upload` the final one of a list."""
    kind, _, listed = concat.partition(";")
    if kind != "final" or not listed.split() or request.size != 0:
        raise Refused(400, "not a list")
    if request.every("Upload-Length") or request.every("Upload-Defer-Length"):
        raise Refused(400, "a length")
    upload.parts = [_part(house, url) for url in listed.split()]
    if (upload.sum or 0) > MAX_SIZE and Bug.SUM_TOO_LARGE not in house.bugs:
        raise Refused(413)
    if Bug.UNFINISHED_REFUSED in house.bugs and not all(part.is_complete for part in upload.parts):
        raise Refused(400, "unfinished")
    if Bug.LIST_REVERSED in house.bugs:
        upload.parts.reverse()
    if Bug.LIST_REWRITTEN in house.bugs:
        upload.concat = "final;" + " ".join(urljoin(house.base, part.path) for part in upload.parts)
    if Bug.METADATA_INHERITED in house.bugs:
        upload.metadata = upload.metadata or upload.parts[0].metadata
    upload.join()


def _part(house: House, url: str) -> Upload:
    if Bug.ABSOLUTE_ONLY in house.bugs and not url.startswith("http"):
        raise Refused(400, "not absolute")
    named = urlsplit(url)
    foreign = named.hostname not in (None, urlsplit(house.base).hostname)
    part = house.uploads.get(named.path)
    if part is None or (foreign and Bug.ANY_HOST not in house.bugs):
        raise Refused(404)
    if not part.is_partial and Bug.WHOLE_JOINED not in house.bugs:
        raise Refused(400, "not partial")
    if part.used and Bug.USED_ONCE in house.bugs:
        raise Refused(400, "used")
    part.used = True
    return part


async def _first_bytes(house: House, upload: Upload, request: Request) -> dict[str, str]:
    """Creation With Upload: the header that tells how much was stored."""
    if request.size == 0:
        return {}
    if Bug.ANY_BODY_INVITED in house.bugs:
        request.invite()
    check_type(house, request)
    check_room(upload, request, 0)
    if Bug.POST_CHECKSUM_IGNORED in house.bugs:
        request.lines = [line for line in request.lines if line[0] != "upload-checksum"]
    await receive(house, upload, request, 0)
    told = {"Upload-Offset": str(len(upload.content))}
    if Bug.POST_BODY_LOST in house.bugs:
        upload.content.clear()
    return told
