"""A small tus client for tests: it can stop anywhere, and writes everything into a ledger.

Belongs here: tus requests, well-formed, and how they are cut short. Not here: malformed ones
(tests/crash/hostile.py) and verdicts about answers (ledger.py).
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from .content import Content
from .ledger import Ledger, Tracked
from .wire import Address, Answer, Connection, framed, head_of, request

RESUMABLE = ("Tus-Resumable", "1.0.0")
BYTES = ("Content-Type", "application/offset+octet-stream")


class Framing(StrEnum):
    """How the end of a body is told."""

    LENGTH = "length"
    CHUNKED = "chunked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A body: bytes [start, stop) are announced, those below `reach` are sent."""

    start: int
    stop: int
    reach: int
    framing: Framing = Framing.LENGTH
    complete: bool = False
    """Its sender calls it the rest of the upload (IETF draft)."""

    @classmethod
    def whole(
        cls, start: int, stop: int, framing: Framing = Framing.LENGTH, *, complete: bool = False
    ) -> "Plan":
        return cls(start=start, stop=stop, reach=stop, framing=framing, complete=complete)

    def headers(self) -> Iterator[tuple[str, str]]:
        if self.framing is Framing.CHUNKED:
            yield "Transfer-Encoding", "chunked"
        else:
            yield "Content-Length", str(self.stop - self.start)


@dataclass(slots=True)
class Hanging:
    """A request whose body stopped coming; its connection stays open."""

    connection: Connection

    async def answer(self) -> Answer:
        return await self.connection.answer("PATCH")

    def let_go(self) -> None:
        self.connection.cut()


@dataclass(slots=True, kw_only=True)
class TusClient:
    """One user agent; every request has a connection of its own."""

    address: Address
    ledger: Ledger = field(default_factory=Ledger)
    files: str = "/files/"

    async def create(self, content: Content, *headers: tuple[str, str], body: Plan | None = None) -> Tracked:
        """POST; `body` is creation-with-upload. Raises NoAnswer, Refused."""
        given = {name.lower() for name, _ in headers}
        length = () if "upload-defer-length" in given else (("Upload-Length", str(content.length)),)
        typed = () if body is None else (BYTES, *body.headers())
        async with await Connection.open(self.address) as connection:
            await connection.send(head_of("POST", self.files, self._headers(*length, *headers, *typed)))
            if body is not None:
                with contextlib.suppress(ConnectionError):
                    await self._send_body(connection, content, body, lambda _: None)
            answer = await connection.answer("POST")
        return self._created(answer, content, 0 if body is None else body.reach)

    def _created(self, answer: Answer, content: Content, sent: int) -> Tracked:
        if answer.status != 201:
            self.ledger.heard(answer, "POST")
            raise Refused(answer)
        tracked = self.ledger.opened(urlsplit(answer.headers["location"]).path, content)
        tracked.sent = sent
        self.ledger.heard(answer, "POST", tracked)
        return tracked

    async def head(self, tracked: Tracked) -> Answer:
        known = tracked.acked
        answer = await request(self.address, "HEAD", tracked.target, [RESUMABLE])
        self.ledger.heard(answer, "HEAD", tracked, known)
        return answer

    async def patch(self, tracked: Tracked, plan: Plan, *headers: tuple[str, str]) -> Answer:
        """PATCH to the end. Raises NoAnswer when the connection died first."""
        known = tracked.acked
        async with await self._begin(tracked, plan, headers) as connection:
            with contextlib.suppress(ConnectionError):
                await self._send_body(connection, tracked.content, plan, sent_by(tracked))
            answer = await connection.answer("PATCH")
        self.ledger.heard(answer, "PATCH", tracked, known)
        return answer

    async def patch_cut(self, tracked: Tracked, plan: Plan) -> None:
        """PATCH that is cut by RST after byte `plan.reach`."""
        hanging = await self.patch_hanging(tracked, plan)
        hanging.let_go()
        await hanging.connection.close()

    async def patch_hanging(self, tracked: Tracked, plan: Plan) -> Hanging:
        """PATCH that goes silent after byte `plan.reach`. The caller ends it."""
        connection = await self._begin(tracked, plan, ())
        with contextlib.suppress(ConnectionError):
            await self._send_body(connection, tracked.content, plan, sent_by(tracked))
        return Hanging(connection)

    async def delete(self, tracked: Tracked) -> Answer:
        tracked.deleted = True
        answer = await request(self.address, "DELETE", tracked.target, [RESUMABLE])
        self.ledger.heard(answer, "DELETE", tracked)
        return answer

    async def offset(self, tracked: Tracked, within: float = 30.0) -> int:
        """The offset that HEAD says, asked again while it says 423."""
        async with asyncio.timeout(within):
            while True:
                answer = await self.head(tracked)
                if answer.status == 200 and answer.offset is not None:
                    return answer.offset
                if answer.status != 423:
                    raise Refused(answer)
                await asyncio.sleep(0.05)

    async def finish(self, tracked: Tracked, step: int, framing: Framing = Framing.LENGTH) -> None:
        """Resume until everything is told to be there; refusals that may pass are tried again."""
        while not tracked.finished:
            start = await self.offset(tracked)
            stop = min(start + step, tracked.content.length)
            if start < stop:
                await self.patch(tracked, Plan.whole(start, stop, framing))

    def _headers(self, *headers: tuple[str, str]) -> list[tuple[str, str]]:
        host = ("Host", f"{self.address.host}:{self.address.port}")
        return [host, RESUMABLE, ("Connection", "close"), *headers]

    async def _begin(self, tracked: Tracked, plan: Plan, headers: Iterable[tuple[str, str]]) -> Connection:
        every = self._headers(BYTES, ("Upload-Offset", str(plan.start)), *plan.headers(), *headers)
        connection = await Connection.open(self.address)
        await connection.send(head_of("PATCH", tracked.target, every))
        return connection

    async def _send_body(
        self, connection: Connection, content: Content, plan: Plan, sent: Callable[[int], None]
    ) -> None:
        at = plan.start
        for piece in content.slices(plan.start, plan.reach):
            # Noted before it is sent: the server may have it before `send` returns.
            at += len(piece)
            sent(at)
            await connection.send(*(framed([piece]) if plan.framing is Framing.CHUNKED else [piece]))
        if plan.framing is Framing.CHUNKED and plan.reach == plan.stop:
            await connection.send(b"0\r\n\r\n")


class Refused(Exception):
    """An answer that a client cannot go on from."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status} {answer.body[:200]!r}")
        self.answer = answer


def sent_by(tracked: Tracked) -> Callable[[int], None]:
    def note(offset: int) -> None:
        tracked.sent = max(tracked.sent, offset)

    return note


def cut_somewhere(dice: random.Random, start: int, stop: int, framing: Framing) -> Plan:
    """A plan that breaks off at a random byte."""
    return Plan(start=start, stop=stop, reach=dice.randint(start, stop - 1), framing=framing)
