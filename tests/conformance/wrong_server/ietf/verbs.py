"""The IETF draft, each step of which can be made wrong.

Belongs here: which requests are the draft's, and the verbs on its uploads. Not here: POST (creating.py).
"""

from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from tests.conformance.wrong_server.http import Answer, Request
from tests.conformance.wrong_server.parsing import Refused
from tests.conformance.wrong_server.uploads import House

from .bugs import DraftBug
from .creating import create
from .fields import PARTIAL, complete_of, offset_of, problem
from .limits import check_limits, limits
from .uploads import Draft
from .writing import receive, record_length


def is_of_the_draft(house: House, request: Request) -> bool:
    """It says no version of tus, and is about an upload of the draft, or begins one."""
    if request.header("Tus-Resumable") or request.method == "OPTIONS":
        return False
    if request.path in house.drafts:
        unmarked = not request.header("Upload-Draft-Interop-Version")
        return not (unmarked and request.method == "HEAD" and DraftBug.ALL_HEADS_ARE_TUS in house.bugs)
    at_home = request.path.rstrip("/") == house.root.rstrip("/")
    return at_home and request.method == "POST" and complete_of(request, house.bugs) is not None


async def answer(house: House, request: Request) -> Answer:
    """A request that is of the draft. Raises Refused, Cut."""
    try:
        return await _answer(house, request)
    except Refused as refused:
        if DraftBug.REFUSALS_SAY_NOTHING in house.bugs:
            refused.answer.headers.pop("Upload-Complete", None)
        raise


async def _answer(house: House, request: Request) -> Answer:
    if DraftBug.VERSION_REQUIRED in house.bugs and not request.header("Upload-Draft-Interop-Version"):
        raise problem(400)
    upload = house.drafts.get(request.path)
    if upload is None:
        return await create(house, request)
    if upload.is_gone:
        raise problem(410)
    if request.method not in _VERBS:
        raise problem(405)
    return await _VERBS[request.method](house, upload, request)


async def _head(house: House, upload: Draft, request: Request) -> Answer:
    if not house.bugs & {DraftBug.RUNS_ON, DraftBug.APPENDS_LOCKED_OUT}:
        await upload.end_running()
    headers = {"Upload-Offset": str(len(upload.content))}
    if not upload.content and DraftBug.ZERO_UNSAID in house.bugs:
        headers = {}
    if DraftBug.HEAD_WITHOUT_END not in house.bugs:
        headers["Upload-Complete"] = "?1" if upload.is_complete else "?0"
    if upload.length is not None and DraftBug.LENGTH_UNSAID not in house.bugs:
        headers["Upload-Length"] = str(upload.length)
    if DraftBug.HEAD_WITHOUT_LIMITS not in house.bugs:
        headers |= limits(house.bugs, upload)
    if DraftBug.HEAD_CACHED not in house.bugs:
        headers["Cache-Control"] = "no-store"
    if DraftBug.NAME_BECOMES_HEADER in house.bugs:
        headers["Content-Disposition"] = unquote(upload.disposition)
    return Answer(status=204, headers=headers)


async def _get(house: House, upload: Draft, request: Request) -> Answer:
    if DraftBug.BARE_GET in house.bugs:
        return Answer(status=200, body=bytes(upload.content))
    return await _head(house, upload, request)


async def _delete(house: House, upload: Draft, request: Request) -> Answer:
    if DraftBug.NO_DELETE in house.bugs:
        raise problem(405)
    if DraftBug.CANCELLED_RUNS_ON not in house.bugs:
        await upload.end_running()
    upload.is_gone = DraftBug.CANCELLED_LIVES not in house.bugs
    return Answer(status=204)


async def _patch(house: House, upload: Draft, request: Request) -> Answer:
    _check_type(house, request)
    complete = _check_fields(house, request)
    if upload.running is not None and DraftBug.APPENDS_LOCKED_OUT in house.bugs:
        raise problem(423)
    await upload.end_running()
    offset = offset_of(request, house.bugs)
    _check_offset(house, upload, len(upload.content) if offset is None else offset)
    if upload.is_complete and DraftBug.ENDLESS in house.bugs:
        upload.is_complete, upload.length = False, None
    if upload.is_complete:
        return _replayed(house, request, complete=complete)
    if complete and request.size == 0 and DraftBug.EMPTY_END_REFUSED in house.bugs:
        raise problem(400)
    known = upload.length
    try:
        record_length(house, upload, request, complete=complete)
        check_limits(request, upload.length, house.bugs)
    except Refused:
        upload.length = known
        raise
    await receive(house, upload, request, complete=complete)
    return _completed(house) if upload.is_complete else _appended(house, upload)


def _check_type(house: House, request: Request) -> None:
    found = request.header("Content-Type") or ""
    if DraftBug.TYPE_BY_CASE not in house.bugs:
        found = found.lower()
    if found != PARTIAL and DraftBug.ANY_MEDIA_TYPE not in house.bugs:
        raise problem(400 if DraftBug.TYPE_400 in house.bugs else 415)


def _check_fields(house: House, request: Request) -> bool:
    """Whether this append is the last."""
    lacks_offset = offset_of(request, house.bugs) is None and DraftBug.OFFSET_OPTIONAL not in house.bugs
    complete = complete_of(request, house.bugs)
    if lacks_offset or complete is None:
        raise problem(409 if DraftBug.LACK_409 in house.bugs else 400)
    return complete


def _check_offset(house: House, upload: Draft, offset: int) -> None:
    current = len(upload.content)
    if offset == current or (offset < current and DraftBug.LOWER_OFFSETS_TAKEN in house.bugs):
        return
    if DraftBug.REFUSAL_REWINDS in house.bugs:
        del upload.content[offset:]
    members = (
        {}
        if DraftBug.PROBLEM_WITHOUT_OFFSETS in house.bugs
        else {"expected_offset": current, "provided_offset": offset}
    )
    conflict = problem(409, "mismatching-upload-offset", **members)
    if DraftBug.CONFLICT_WITHOUT_OFFSET not in house.bugs:
        conflict.answer.headers["Upload-Offset"] = str(current)
    raise conflict


def _replayed(house: House, request: Request, *, complete: bool) -> Answer:
    """The end again, if that is what comes again."""
    if not complete or request.size != 0:
        raise problem(400)
    if DraftBug.END_UNDONE in house.bugs:
        return Answer(status=204, headers={"Upload-Complete": "?0"})
    return _completed(house)


def _completed(house: House) -> Answer:
    headers = {} if DraftBug.LAST_UNSAID in house.bugs else {"Upload-Complete": "?1"}
    return Answer(status=204 if DraftBug.LAST_204 in house.bugs else 201, headers=headers)


def _appended(house: House, upload: Draft) -> Answer:
    headers = {} if DraftBug.APPENDED_UNSAID in house.bugs else {"Upload-Complete": "?0"}
    return Answer(status=204, headers=headers | limits(house.bugs, upload))


_VERBS: dict[str, Callable[[House, Draft, Request], Awaitable[Answer]]] = {
    "HEAD": _head,
    "GET": _get,
    "PATCH": _patch,
    "DELETE": _delete,
}
