"""POST by the draft.

Belongs here: new uploads, and what is said of them. Not here: their content (writing.py).
"""

import secrets
import time

from tests.conformance.wrong_server.http import Answer, Request
from tests.conformance.wrong_server.parsing import Refused
from tests.conformance.wrong_server.uploads import House

from .bugs import DraftBug
from .fields import complete_of, problem
from .limits import check_limits, limits
from .telling import announce
from .uploads import Draft
from .writing import receive, record_length


async def create(house: House, request: Request) -> Answer:
    """Raises Refused, Cut."""
    complete = bool(complete_of(request, house.bugs))
    if (
        request.size == 0
        and (DraftBug.NOTHING_REFUSED if complete else DraftBug.CONTENT_REQUIRED) in house.bugs
    ):
        raise problem(400)
    upload = Draft(
        path=_new_path(house),
        expires=time.time() + house.lifetime,
        disposition=request.header("Content-Disposition") or "",
        digest=request.header("Repr-Digest") or "",
    )
    record_length(house, upload, request, complete=complete)
    check_limits(request, upload.length, house.bugs)
    house.drafts[upload.path] = upload
    if DraftBug.LATE_104 not in house.bugs:
        announce(house, upload, request)
    try:
        await receive(house, upload, request, complete=complete)
    except Refused:
        upload.is_gone = True
        raise
    if DraftBug.LATE_104 in house.bugs:
        announce(house, upload, request)
    return _whole(house, upload) if upload.is_complete else _begun(house, upload)


def _new_path(house: House) -> str:
    counted = DraftBug.URLS_COUNTED in house.bugs
    return f"{house.root}{len(house.drafts) if counted else secrets.token_hex(16)}"


def _whole(house: House, upload: Draft) -> Answer:
    headers = {"Location": house.base + upload.path.removeprefix(house.root)}
    if DraftBug.WHOLE_UNSAID not in house.bugs:
        headers["Upload-Complete"] = "?1"
    return Answer(status=201, headers=headers)


def _begun(house: House, upload: Draft) -> Answer:
    headers = {"Upload-Complete": "?0"}
    if DraftBug.NO_LOCATION not in house.bugs:
        said = house.root if DraftBug.TWO_LOCATIONS in house.bugs else house.base
        headers["Location"] = said + upload.path.removeprefix(house.root)
    if DraftBug.BEGUN_WITHOUT_OFFSET not in house.bugs:
        headers["Upload-Offset"] = str(len(upload.content))
    if DraftBug.BEGUN_WITHOUT_LIMITS not in house.bugs:
        headers |= limits(house.bugs, upload)
    return Answer(status=200 if DraftBug.BEGUN_200 in house.bugs else 201, headers=headers)
