"""104s of the wrong server.

Belongs here: interim responses. Not here: final ones.
"""

from tests.conformance.wrong_server.http import Request
from tests.conformance.wrong_server.uploads import House

from .bugs import DraftBug
from .fields import VERSION, speaks
from .limits import limits
from .uploads import Draft


def announce(house: House, upload: Draft, request: Request) -> None:
    """Say where a new upload is."""
    if not speaks(request, house.bugs) and not _told_anyway(house, request, DraftBug.TOLD_TO_ALL):
        return
    if DraftBug.NO_100 in house.bugs:
        request.lines = [line for line in request.lines if line[0] != "expect"]
    headers = {} if DraftBug.BOUNDLESS_104 in house.bugs else limits(house.bugs, upload)
    if DraftBug.LOST_104 not in house.bugs:
        headers["Location"] = house.base + upload.path.removeprefix(house.root)
    _tell(house, request, headers)


def tell_progress(house: House, upload: Draft, request: Request) -> None:
    if not speaks(request, house.bugs) and not _told_anyway(house, request, DraftBug.PROGRESS_TO_ALL):
        return
    told = DraftBug.EMPTY_PROGRESS not in house.bugs
    headers = {"Upload-Offset": str(len(upload.content))} if told else {}
    if DraftBug.PROGRESS_WITH_LOCATION in house.bugs:
        headers["Location"] = house.base + upload.path.removeprefix(house.root)
    _tell(house, request, headers)


def _told_anyway(house: House, request: Request, bug: DraftBug) -> bool:
    return bug in house.bugs and not request.every("Upload-Draft-Interop-Version")


def _tell(house: House, request: Request, headers: dict[str, str]) -> None:
    if DraftBug.VERSIONLESS_104 not in house.bugs:
        headers["Upload-Draft-Interop-Version"] = VERSION
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(["HTTP/1.1 104 Upload Resumption Supported", *lines])
    request.writer.write(f"{head}\r\n\r\n".encode("latin-1"))
