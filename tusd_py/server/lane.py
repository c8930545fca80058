"""The lane of small uploads: a whole POST or PATCH is answered from the bytes that a connection received.

For a request aiohttp makes two tasks and some twenty objects, and we ask the same things of its head again:
who this is, what we are called, what every answer says. With 4 KiB behind it that was most of what an upload
cost. So a request goes the long way once, through aiohttp and the seam, and the lane remembers what was found
for the lines of its head that do not differ from one upload to the next, byte by byte, and for who sent them.
A later request with exactly those lines, from there, may be answered here. What proves who that is is judged
anew whenever the long way would do so, and not kept: of the lines there is a digest.

The lane only ever says yes. What cannot be parsed, is not known, or is refused by the service, goes through
aiohttp and the seam, which say so as they always do; a refusal takes the error along, so that nothing is
done twice.

Belongs here: what is remembered, and the answers. Not here: what a small request is (small_request.py), whose
turn it is (connection.py), the service.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from aiohttp import web
from multidict import CIMultiDict

from protocol.answer import Answer
from protocol.dates import http_date
from protocol.errors import NotFound, ProtocolError
from protocol.headers import Headers
from protocol.tus.create import parse_create
from protocol.tus.patch import parse_append
from protocol.tus.version import SUPPORTED
from protocol.upload import UploadId, parse_upload_id
from tusd_py.access.authenticate import Again
from tusd_py.access.identity import Identity
from tusd_py.log import current_request
from tusd_py.randomness import random_hex

from .errors import Seam
from .guard import is_below_base, is_sane_id
from .intake import WholeSource
from .location import client_address, public_origin
from .small_request import Sender, SmallRequest, Taken, plain_headers
from .tus import TusFace

LONGEST_HEAD = 4096
"""Bytes; longer ones are not looked at."""
REMEMBERED = 1024
"""Heads, two for each client. Whoever sends more of them than that in turn takes the long way."""
MOST_LINES = 100
"""Of it. aiohttp refuses a head of more than 128, and those that differ are to come."""

_REASONS = {201: "Created", 204: "No Content"}

Asked = Callable[[], Awaitable[Answer]]
"""What the service is to do, once everything that can be judged before was."""
UrlOf = Callable[[UploadId], str]
_Key = tuple[Sender, bool, str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was found for the rest of a head and its sender."""

    headers: dict[str, str]
    """Without credentials."""
    again: Again
    """Who it is from."""
    url: str
    """Of an upload, but for its id."""
    client: str
    """Its address, as it is logged."""
    stamp: str
    """Lines that every answer has."""

    def url_of(self, upload_id: UploadId) -> str:
        """What its Location says."""
        return self.url + upload_id


class Lane:
    """Of one server."""

    def __init__(self, face: TusFace, seam: Seam, again: Callable[[web.Request], Awaitable[Again]]) -> None:
        """`again` is that of `Visitors`."""
        self._face = face
        self._seam = seam
        self._again = again
        forwarded = map(str.lower, seam.settings.access.forward_headers)
        self._credentials = frozenset({"authorization", "x-api-key", "cookie", *forwarded})
        self._features = face.context.rules.features
        self._collection = (face.base_path, face.base_path.rstrip("/"))
        self.longest_head = min(LONGEST_HEAD, seam.settings.limits.header_field)
        """Of each line, or more, is the limit of aiohttp; this is of all of them."""
        self._known: OrderedDict[_Key, Known] = OrderedDict()

    async def remember(self, request: web.Request, small: SmallRequest, sender: Sender) -> None:
        """See `SmallWay`."""
        key = _key(small, sender, is_secure=request.secure)
        known = self._known.get(key)
        if len(small.rest) > MOST_LINES or (known is not None and known.again() is not None):
            return
        headers = plain_headers(small.rest)
        if headers is None or not self._was_an_upload(request, headers):
            return
        stamp: CIMultiDict[str] = CIMultiDict()
        self._seam.stamp(request, stamp)
        settings = self._seam.settings
        self._known[key] = Known(
            headers={name: value for name, value in headers.items() if name not in self._credentials},
            again=await self._again(request),
            url=f"{public_origin(request, settings)}{self._face.base_path.rstrip('/')}/",
            client=client_address(request, settings),
            stamp="".join(f"{name}: {value}\r\n" for name, value in stamp.items()),
        )
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _was_an_upload(self, request: web.Request, headers: Mapping[str, str]) -> bool:
        """What the tus face asks of every request and `take` of none: other faces say yes without it."""
        return is_below_base(request, self._seam.settings) and headers.get("tus-resumable") in SUPPORTED

    def take(self, request: SmallRequest, sender: Sender, *, is_secure: bool) -> Taken | None:
        """See `SmallWay`: None for everything that is not sure to be well-formed and known."""
        known = self._known.get(_key(request, sender, is_secure=is_secure))
        identity = None if known is None else known.again()
        if known is None or identity is None:
            return None
        headers = Headers({**known.headers, **request.own}.items())
        try:
            ask = self._ask_to_create if request.method == "POST" else self._ask_to_append
            asked = ask(request, identity, headers, known.url_of)
        except ProtocolError:
            return None
        request_id = _request_id(request)
        return Taken(request, request_id, partial(self._answer, request, known, asked, request_id))

    def _ask_to_create(
        self, request: SmallRequest, identity: Identity, headers: Headers, url_of: UrlOf
    ) -> Asked:
        if request.path not in self._collection:
            raise NotFound
        creation = parse_create(headers, self._features)

        async def ask() -> Answer:
            source = WholeSource(request.body)
            return (await self._face.create(identity, creation, source, url_of))[1]

        return ask

    def _ask_to_append(self, request: SmallRequest, identity: Identity, headers: Headers, _: UrlOf) -> Asked:
        base = self._face.base_path
        upload_id = parse_upload_id(request.path[len(base) :] if request.path.startswith(base) else "")
        wanted = parse_append(headers, self._features)
        return partial(self._face.append, identity, upload_id, wanted, WholeSource(request.body))

    async def _answer(self, request: SmallRequest, known: Known, asked: Asked, request_id: str) -> bytes:
        began = time.monotonic()
        # In a task of its own, so nothing has to be set back.
        current_request.set(request_id)
        answer = await asked()
        self._seam.note(
            method=request.method,
            path=request.path,
            status=answer.status,
            seconds=time.monotonic() - began,
            client=known.client,
        )
        return _bytes_of(answer, known, request_id)


def _key(request: SmallRequest, sender: Sender, *, is_secure: bool) -> _Key:
    # The method belongs to it: a header may mean something to one verb and nothing to another.
    return sender, is_secure, request.method, sha256(b"\n".join(request.rest)).digest()


def _request_id(request: SmallRequest) -> str:
    sent = request.own.get("x-request-id", "")
    return sent if is_sane_id(sent) else random_hex(8)


def _bytes_of(answer: Answer, known: Known, request_id: str) -> bytes:
    """As `Bare` and the seam have it sent."""
    length = "" if answer.status == 204 else "Content-Length: 0\r\n"  # noqa: PLR2004 - it has none
    own = "".join([f"{name}: {value}\r\n" for name, value in answer.headers.items()])
    return (
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}\r\n{own}{length}{known.stamp}"
        f"X-Request-ID: {request_id}\r\nDate: {http_date(time.time_ns() // 1000)}\r\n\r\n"
    ).encode("ascii")
