"""tus 1.0.0 with all its extensions, each step of which can be made wrong.

Belongs here: the way to the verbs, and those that only read. Not here: POST (creating.py), PATCH.
"""

import base64
from collections.abc import Awaitable, Callable
from contextlib import suppress

from .bugs import Bug
from .creating import create
from .http import Answer, Request
from .ietf import verbs as ietf
from .ietf.bugs import DraftBug
from .ietf.limits import limits
from .parsing import ALGORITHMS, MAX_SIZE, Refused
from .uploads import House, Upload
from .writing import patch

METHODS = ("OPTIONS", "POST", "HEAD", "PATCH", "DELETE", "GET")
EXTENSIONS = (
    *("creation", "creation-defer-length", "creation-with-upload", "expiration", "checksum"),
    *("checksum-trailer", "termination", "concatenation", "concatenation-unfinished"),
)


async def answer(house: House, request: Request) -> Answer:
    """Any request. Raises Refused, Cut."""
    method = effective_method(house, request)
    if Bug.EARLY_CONTINUE in house.bugs:
        request.invite()
    if method == "OPTIONS":
        return _options(house, request)
    if ietf.is_of_the_draft(house, request):
        return await ietf.answer(house, request)
    if Bug.FOREIGN_VERSION_STORED in house.bugs and method == "PATCH":
        done = await patch(house, request)
        _check_version(house, request)
        return done
    if Bug.VERSION_AFTER_OFFSET in house.bugs and request.header("Upload-Offset") == "7":
        raise Refused(409)
    _check_version(house, request)
    if request.path.rstrip("/") == house.root.rstrip("/"):
        return await _collection(house, method, request)
    if method not in _VERBS:
        raise _not_allowed(house)
    return await _VERBS[method](house, request)


def effective_method(house: House, request: Request) -> str:
    override = request.header("X-HTTP-Method-Override")
    if override is None or Bug.NO_OVERRIDE in house.bugs:
        return request.method
    if Bug.OVERRIDE_ON_POST_ONLY in house.bugs and request.method != "POST":
        return request.method
    return override


def _check_version(house: House, request: Request) -> None:
    found = request.header("Tus-Resumable")
    if found == "1.0.0" or (found is None and Bug.NO_VERSION_NEEDED in house.bugs):
        return
    refused = Refused(412, "unsupported version")
    refused.answer.headers["Tus-Version"] = _versions(house)
    raise refused


def _versions(house: House) -> str:
    return "1.0.0;0.2.2" if Bug.VERSIONS_BY_SEMICOLON in house.bugs else "1.0.0"


def _not_allowed(house: House) -> Refused:
    refused = Refused(405)
    if Bug.NO_ALLOW not in house.bugs:
        refused.answer.headers["Allow"] = ", ".join(METHODS)
    return refused


async def _collection(house: House, method: str, request: Request) -> Answer:
    if Bug.NO_LAST_SLASH in house.bugs and not request.path.endswith("/"):
        raise Refused(404)
    if method != "POST":
        raise _not_allowed(house)
    return await create(house, request)


def _options(house: House, request: Request) -> Answer:
    if Bug.OPTIONS_NEEDS_VERSION in house.bugs and request.header("Tus-Resumable"):
        _check_version(house, request)
    extensions = [name for name in EXTENSIONS if name != "creation" or Bug.CREATION_UNSAID not in house.bugs]
    algorithms = [name for name in ALGORITHMS if name != "sha1" or Bug.NO_SHA1 not in house.bugs]
    headers = {
        "Tus-Version": _versions(house),
        "Tus-Extension": "" if Bug.EMPTY_EXTENSIONS in house.bugs else ",".join(extensions),
        "Tus-Max-Size": "1GB" if Bug.MAX_SIZE_IN_WORDS in house.bugs else str(MAX_SIZE),
    }
    if DraftBug.DRAFT_UNSAID not in house.bugs:
        headers |= limits(house.bugs)
    if Bug.ALGORITHMS_UNSAID not in house.bugs:
        headers["Tus-Checksum-Algorithm"] = ",".join(algorithms)
    return Answer(status=200, headers=headers)


async def _head(house: House, request: Request) -> Answer:
    upload = house.find(request)
    headers = {"Cache-Control": "no-cache" if Bug.HEAD_CACHED in house.bugs else "no-store"}
    headers |= _told_offset(house, upload) | _told_length(house, upload) | _told_metadata(house, upload)
    if upload.concat:
        headers["Upload-Concat"] = upload.concat
    if upload.is_unfinished:
        headers |= house.expires(upload)
    return Answer(status=200, headers=headers)


def _told_offset(house: House, upload: Upload) -> dict[str, str]:
    if upload.is_final and (not upload.is_complete or Bug.FINAL_WITHOUT_OFFSET in house.bugs):
        return {}
    offset = len(upload.content)
    if Bug.UNVERIFIED_TOLD in house.bugs:
        offset += upload.unverified
    if offset == 0 and Bug.ZERO_LEFT_OUT in house.bugs:
        return {}
    return {"Upload-Offset": str(offset)}


def _told_length(house: House, upload: Upload) -> dict[str, str]:
    if upload.is_final:
        unsaid = Bug.FINAL_WITHOUT_LENGTH in house.bugs and not upload.is_complete
        return {} if upload.sum is None or unsaid else {"Upload-Length": str(upload.sum)}
    if upload.length is None:
        zero = {"Upload-Length": "0"} if Bug.LENGTH_ZERO_WHILE_DEFERRED in house.bugs else {}
        return {"Upload-Defer-Length": "1", **zero}
    if upload.is_complete and Bug.NO_LENGTH_AT_THE_END in house.bugs:
        return {}
    return {"Upload-Length": str(upload.length)}


def _told_metadata(house: House, upload: Upload) -> dict[str, str]:
    if not upload.metadata or (upload.is_complete and Bug.METADATA_FORGOTTEN in house.bugs):
        return {}
    pairs = upload.metadata.split(",")
    return {"Upload-Metadata": ",".join(sorted(pairs) if Bug.METADATA_SORTED in house.bugs else pairs)}


async def _get(house: House, request: Request) -> Answer:
    upload = house.find(request)
    if not upload.is_complete:
        raise Refused(409)
    headers = {}
    if Bug.INJECTED_HEADERS in house.bugs and upload.metadata:
        value = upload.metadata.partition(" ")[2].partition(",")[0]
        with suppress(ValueError):
            name = base64.b64decode(value).decode("latin-1")
            headers["Content-Disposition"] = f"attachment; filename={name}"
    return Answer(status=200, headers=headers, body=bytes(upload.content))


async def _delete(house: House, request: Request) -> Answer:
    upload = house.find(request)
    if Bug.DELETED_LIVES not in house.bugs:
        del house.uploads[upload.path]
    return Answer(status=200 if Bug.DELETED_200 in house.bugs else 204)


_VERBS: dict[str, Callable[[House, Request], Awaitable[Answer]]] = {
    "HEAD": _head,
    "GET": _get,
    "PATCH": patch,
    "DELETE": _delete,
}
