"""What a check holds in its hands: a server, and a record of what was said.

Belongs here: sending requests, remembering exchanges and uploads. Not here: opinions on answers (want.py).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from .connection import Connection, NoAnswer, Unreachable
from .exchange import Exchange, Response
from .offer import Offer
from .request import Body, head, render
from .resource import Resource
from .specification import Specification
from .verdict import Failed, Silent, Unclear

TUS = "Tus-Resumable: 1.0.0"
OCTETS = "Content-Type: application/offset+octet-stream"
NAMED = "Upload-Metadata: filename aGVsbG8udHh0,filetype dGV4dC9wbGFpbg=="

INTEROP_VERSION = 9
"""Of the IETF draft: draft-ietf-httpbis-resumable-upload-12, and later ones as far as they are known."""

_POLL = 0.05
_BUSY = (423, 425, 429, 503)
"""Not now; ask again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The server under test and how to talk to it."""

    base: Resource
    """The creation URL."""
    extra: tuple[str, ...] = ()
    """Header lines for every request, such as Authorization."""
    patience: float = 5.0
    """Seconds that an answer may take."""
    origin: str = "https://app.example"
    """Where a browser's requests pretend to come from."""
    interop: int = INTEROP_VERSION
    """The interop version of the IETF draft that requests say."""


@dataclass(kw_only=True)
class Probe:
    """One check's view of the server; not shared between checks."""

    subject: Subject
    offer: Offer
    specification: Specification = Specification.TUS
    """What HEAD and DELETE are asked by."""
    exchanges: list[Exchange] = field(default_factory=list)
    made: dict[str, Resource] = field(default_factory=dict)
    """Every upload that was created, by URL."""

    @property
    def base(self) -> Resource:
        return self.subject.base

    def announces(self, *extensions: str) -> bool:
        return self.offer.extensions.issuperset(extensions)

    @property
    def greeting(self) -> str:
        """The header line by which a client says what it speaks."""
        if self.specification is Specification.TUS:
            return TUS
        return f"Upload-Draft-Interop-Version: {self.subject.interop}"

    # --- raw

    @contextlib.asynccontextmanager
    async def connect(self, where: Resource | None = None) -> AsyncIterator[Connection]:
        address = (where or self.base).address
        async with await Connection.open(address, self.subject.patience) as connection:
            yield connection

    def head_bytes(self, method: str, where: Resource, *lines: str) -> bytes:
        """A request's head alone, with the lines that every request has."""
        return head(method, where.path, where.address.authority, [*lines, *self.subject.extra])

    async def answer(self, connection: Connection, sent: bytes, method: str) -> Response:
        """The response on a connection that `sent` was written to by hand. Raises Failed."""
        try:
            response = await connection.response(method)
        except NoAnswer as silence:
            self.exchanges.append(Exchange(sent=sent, came=str(silence)))
            raise Silent(f"{method}: {silence}") from silence
        self._remember(sent, response)
        return response

    async def early(self, connection: Connection) -> Response | None:
        """The next interim response on a connection; None if none comes while patience lasts."""
        response = await connection.early(self.subject.patience)
        if response is not None:
            self._keep(response)
        return response

    def note(self, sent: bytes, came: str | Response) -> None:
        """Record what was sent where no final response is expected."""
        self.exchanges.append(Exchange(sent=sent, came=came))

    async def ask(self, method: str, where: Resource, *lines: str, body: Body = b"") -> Response:
        """A request on a connection of its own, with nothing that is not said here. Raises Failed."""
        return await self._ask(method, where, [*lines, *self.subject.extra], body)

    async def ask_as_stranger(self, method: str, where: Resource, *lines: str) -> Response:
        """Without the header lines that every other request carries."""
        return await self._ask(method, where, lines, b"")

    async def _ask(self, method: str, where: Resource, lines: Sequence[str], body: Body) -> Response:
        sent = render(method, where.path, where.address.authority, lines, body)
        async with self.connect(where) as connection:
            await connection.write(sent)
            return await self.answer(connection, sent, method)

    def _remember(self, sent: bytes, response: Response) -> None:
        self.exchanges.append(Exchange(sent=sent, came=response))
        for told in (*response.before, response):
            self._keep(told)

    def _keep(self, response: Response) -> None:
        """An upload was made, and is to be terminated at the end."""
        location = response.header("Location")
        if location and (response.succeeded or response.status < 200):
            with contextlib.suppress(ValueError):
                made = self.base.join(location)
                self.made[made.url] = made

    # --- polite

    async def create(self, length: int, *lines: str) -> Resource:
        """A new upload. Raises Unclear where the server makes none: other checks say why."""
        return await self.create_by(f"Upload-Length: {length}", *lines)

    async def create_by(self, *lines: str) -> Resource:
        """With a name, as real clients send one; what a server makes of none is a check of its own."""
        named = any(line.lower().startswith("upload-metadata:") for line in lines)
        response = await self.ask("POST", self.base, TUS, *lines, *(() if named else (NAMED,)))
        return self.created(response)

    def created(self, response: Response) -> Resource:
        """Where the upload of a response lives. Raises Unclear."""
        location = response.header("Location")
        if not response.succeeded or location is None:
            raise Unclear(
                f"no upload to try this with: POST was answered {response.status} {response.reason}"
            )
        return self.base.join(location)

    async def patch(self, upload: Resource, offset: int | str, body: Body, *lines: str) -> Response:
        return await self.ask("PATCH", upload, TUS, OCTETS, f"Upload-Offset: {offset}", *lines, body=body)

    async def head(self, upload: Resource) -> Response:
        return await self.ask("HEAD", upload, self.greeting)

    async def delete(self, upload: Resource) -> Response:
        return await self.ask("DELETE", upload, self.greeting)

    async def uploaded(self, content: bytes, *lines: str) -> Resource:
        """A complete upload. Raises Unclear."""
        upload = await self.create(len(content), *lines)
        if not content:
            return upload
        response = await self.patch(upload, 0, content)
        if not response.succeeded:
            raise Unclear(f"no upload could be completed: PATCH was answered {response.status}")
        return upload

    async def offset(self, upload: Resource) -> int | None:
        """What HEAD says now; None if it says nothing. Waits while the upload is busy."""
        response = await self.head_when_free(upload)
        text = response.header("Upload-Offset") or ""
        if self.specification is Specification.IETF:
            text = text.partition(";")[0].rstrip()
        return int(text) if text.isascii() and text.isdigit() else None

    async def head_when_free(self, upload: Resource) -> Response:
        """HEAD, again while the server says that it is busy, up to the subject's patience."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self.subject.patience
        while (response := await self.head(upload)).status in _BUSY and loop.time() < give_up:
            del self.exchanges[-1]
            await asyncio.sleep(_POLL)
        return response

    async def settles(self, upload: Resource, offset: int) -> int | None:
        """The last offset that HEAD said when it reached `offset`, or when patience ended."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self.subject.patience
        while (now := await self.offset(upload)) != offset and loop.time() < give_up:
            del self.exchanges[-1]
            await asyncio.sleep(_POLL)
        return now

    async def content(self, upload: Resource) -> bytes | None:
        """What GET gives; None where the server has no such download. Waits for a file in the making."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self.subject.patience
        while (response := await self.ask("GET", upload, TUS)).status in (409, *_BUSY):
            if loop.time() > give_up:
                return None
            del self.exchanges[-1]
            await asyncio.sleep(_POLL)
        return response.body if response.status == 200 else None

    # --- the end

    async def clean(self) -> None:
        """Terminate every upload that was made, where the server lets us."""
        kept = len(self.exchanges)
        for upload in self.made.values():
            with contextlib.suppress(Failed, Unreachable, TimeoutError):
                async with asyncio.timeout(self.subject.patience):
                    await self.delete(upload)
        del self.exchanges[kept:]
