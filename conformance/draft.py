"""What a client of the IETF draft sends.

Belongs here: creating, appending, and requests that are left hanging. Not here: opinions (want_draft.py),
HEAD and DELETE, which a probe asks by the draft where its check is about the draft (probe.py).
"""

from .connection import Connection
from .exchange import Response
from .probe import Probe
from .request import Body
from .resource import Resource
from .verdict import NotOffered, Unclear

VERSION = "Upload-Draft-Interop-Version"
ANNOUNCED = 104
"""Upload Resumption Supported."""

PARTIAL = "Content-Type: application/partial-upload"
MORE = "Upload-Complete: ?0"
LAST = "Upload-Complete: ?1"
NAMED = ("Content-Type: text/plain", 'Content-Disposition: inline; filename="hello.txt"')
"""As real clients send them."""

HELLO = b"hello worl"
HALF = HELLO[:5]
"""What is sent of HELLO before a request is left hanging, or cut."""


async def begin(probe: Probe, *lines: str, body: Body = b"") -> Response:
    """POST what is to go on."""
    want_small_uploads(probe)
    return await probe.ask("POST", probe.base, probe.greeting, MORE, *named(lines), body=body)


async def post(probe: Probe, body: Body, *lines: str) -> Response:
    """POST a whole representation."""
    want_small_uploads(probe)
    return await probe.ask("POST", probe.base, probe.greeting, LAST, *named(lines), body=body)


async def create(probe: Probe, *lines: str, body: Body = b"") -> Resource:
    """A new upload that goes on. Raises Unclear where the server makes none: other checks say why."""
    return probe.created(await begin(probe, *lines, body=body))


async def append(probe: Probe, upload: Resource, offset: int | str, body: Body, *lines: str) -> Response:
    """PATCH what is not the last."""
    at = f"Upload-Offset: {offset}"
    return await probe.ask("PATCH", upload, probe.greeting, PARTIAL, at, MORE, *lines, body=body)


async def finish(probe: Probe, upload: Resource, offset: int | str, body: Body, *lines: str) -> Response:
    """PATCH the last bytes."""
    at = f"Upload-Offset: {offset}"
    return await probe.ask("PATCH", upload, probe.greeting, PARTIAL, at, LAST, *lines, body=body)


async def finished(probe: Probe, content: bytes) -> Resource:
    """A complete upload whose URL is known. Raises Unclear."""
    upload = await create(probe)
    response = await finish(probe, upload, 0, content)
    if not response.succeeded:
        raise Unclear(f"no upload could be completed: PATCH was answered {response.status}")
    return upload


# --- by hand


def creation(probe: Probe, *lines: str) -> bytes:
    """The head of a POST of HELLO, none of which was sent yet."""
    want_small_uploads(probe)
    return probe.head_bytes("POST", probe.base, *named(lines), f"Content-Length: {len(HELLO)}")


def appending(probe: Probe, upload: Resource, size: int, *lines: str) -> bytes:
    """The head of a PATCH of so many bytes at the beginning, none of which was sent yet."""
    return probe.head_bytes("PATCH", upload, PARTIAL, "Upload-Offset: 0", *lines, f"Content-Length: {size}")


async def announcement(probe: Probe, connection: Connection) -> Response:
    """The first 104 on a connection. Raises NotOffered: a server need not send any."""
    while (early := await probe.early(connection)) is not None:
        if early.status == ANNOUNCED:
            return early
    raise NotOffered("no 104 came before the content was sent")


async def announced_upload(probe: Probe, connection: Connection) -> Resource:
    """Where the first 104 says that the upload is. Raises NotOffered."""
    location = (await announcement(probe, connection)).header("Location")
    if location is None:
        raise NotOffered("the first 104 says no Location")
    return probe.base.join(location)


# --- what servers may do


def want_small_uploads(probe: Probe) -> None:
    """Raises Unclear where a server may refuse whatever has only a few bytes."""
    for name, largest in (("min-size", 0), ("min-append-size", 1)):
        limit = probe.offer.limit(name) or 0
        if limit > largest:
            raise Unclear(f"uploads of a few bytes may be refused: {name} is {limit}")


def named(lines: tuple[str, ...]) -> tuple[str, ...]:
    """`lines`, and what NAMED says and they do not."""
    return (*lines, *(line for line in NAMED if not _says(lines, line.partition(":")[0].lower())))


def _says(lines: tuple[str, ...], name: str) -> bool:
    return any(line.lower().startswith(f"{name}:") for line in lines)
