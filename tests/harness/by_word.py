"""A client of the IETF draft that writes everything into the same ledger as one of tus.

Its uploads are complete when it said so, whatever their length; and it hears while it sends how much is safe.

Belongs here: the same requests as in tus.py, in these words. Not here: verdicts about answers (ledger.py).
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .content import Content
from .ledger import Ledger, Tracked
from .tus import Framing, Plan, Refused, TusClient, sent_by
from .wire import Address, Answer, Connection, Interim, NoAnswer, head_of, request

VERSION = ("Upload-Draft-Interop-Version", "9")
PARTIAL = ("Content-Type", "application/partial-upload")
THERE, PASSING = 204, 500
"""Statuses of HEAD: where to go on; and from which on a client asks again."""


def client_of(tracked: Tracked, address: Address, ledger: Ledger) -> TusClient:
    """Whoever can go on with that upload."""
    kind = ByWordClient if tracked.by_word else TusClient
    return kind(address=address, ledger=ledger)


@dataclass(slots=True, kw_only=True)
class ByWordClient(TusClient):
    """One user agent; every request has a connection of its own."""

    async def create(self, content: Content, *headers: tuple[str, str], body: Plan | None = None) -> Tracked:
        """POST, whose body may end early. Raises NoAnswer where no place was named before, Refused."""
        plan = body or Plan.whole(0, 0)
        opening = _Opening(self.ledger, content, plan)
        async with await Connection.open(self.address) as connection:
            connection.on_interim = opening.heard
            every = self._headers(_completeness(plan), *plan.headers(), *headers)
            await connection.send(head_of("POST", self.files, every))
            answer = await self._hear(connection, "POST", content, plan, opening.note)
        if answer is None:
            if opening.tracked is None:
                raise NoAnswer("POST: the connection ended before the upload had a place")
            return opening.tracked
        if answer.status != 201:
            self.ledger.heard(answer, "POST", opening.tracked)
            if opening.tracked is None or answer.status < PASSING:
                raise Refused(answer)
            return opening.tracked
        tracked = opening.opened(answer.headers["location"])
        self.ledger.heard(answer, "POST", tracked)
        return tracked

    async def head(self, tracked: Tracked) -> Answer:
        known = tracked.acked
        answer = await request(self.address, "HEAD", tracked.target, [VERSION])
        self.ledger.heard(answer, "HEAD", tracked, known)
        return answer

    async def offset(self, tracked: Tracked, within: float = 30.0) -> int:
        """The offset that HEAD says, asked again while it fails."""
        async with asyncio.timeout(within):
            while True:
                answer = await self.head(tracked)
                if answer.status == THERE and answer.offset is not None:
                    return answer.offset
                if answer.status < PASSING:
                    raise Refused(answer)
                await asyncio.sleep(0.05)

    async def patch(self, tracked: Tracked, plan: Plan, *headers: tuple[str, str]) -> Answer:
        """PATCH to the end. Raises NoAnswer when the connection died first."""
        answer = await self._append(tracked, plan, headers)
        if answer is None:
            raise NoAnswer("PATCH: the connection ended before the answer did")
        return answer

    async def patch_cut(self, tracked: Tracked, plan: Plan) -> None:
        """PATCH that is cut by RST after byte `plan.reach`."""
        await self._append(tracked, plan, ())

    async def _append(
        self, tracked: Tracked, plan: Plan, headers: Iterable[tuple[str, str]]
    ) -> Answer | None:
        known = tracked.acked
        tracked.said = tracked.said or _says_complete(plan)
        async with await self._begin(tracked, plan, headers) as connection:
            connection.on_interim = lambda told: self.ledger.heard_interim(told, "PATCH", tracked, known)
            answer = await self._hear(connection, "PATCH", tracked.content, plan, sent_by(tracked))
        if answer is not None:
            self.ledger.heard(answer, "PATCH", tracked, known)
        return answer

    async def _hear(
        self,
        connection: Connection,
        method: str,
        content: Content,
        plan: Plan,
        sent: Callable[[int], None],
    ) -> Answer | None:
        """Listen while the body goes out: what was told before a kill counts. None where no answer came."""
        hearing = asyncio.create_task(connection.answer(method))
        try:
            with contextlib.suppress(ConnectionError):
                await self._send_body(connection, content, plan, sent)
            if plan.reach < plan.stop:
                connection.cut()
            return await hearing
        except NoAnswer:
            return None
        finally:
            hearing.cancel()

    async def delete(self, tracked: Tracked) -> Answer:
        tracked.deleted = True
        answer = await request(self.address, "DELETE", tracked.target, [VERSION])
        self.ledger.heard(answer, "DELETE", tracked)
        return answer

    async def finish(self, tracked: Tracked, step: int, framing: Framing = Framing.LENGTH) -> None:
        """Resume until it is told to be complete; refusals that may pass are tried again."""
        while not tracked.finished:
            start = await self.offset(tracked)
            if not tracked.finished:
                await self.patch(tracked, next_plan(tracked.content, start, start + step, framing))

    def _headers(self, *headers: tuple[str, str]) -> list[tuple[str, str]]:
        host = ("Host", f"{self.address.host}:{self.address.port}")
        return [host, VERSION, ("Connection", "close"), *headers]

    async def _begin(self, tracked: Tracked, plan: Plan, headers: Iterable[tuple[str, str]]) -> Connection:
        said = (("Upload-Offset", str(plan.start)), _completeness(plan))
        every = self._headers(PARTIAL, *said, *plan.headers(), *headers)
        connection = await Connection.open(self.address)
        await connection.send(head_of("PATCH", tracked.target, every))
        return connection


class _Opening:
    """An upload that gets its place while its first bytes go out."""

    def __init__(self, ledger: Ledger, content: Content, plan: Plan) -> None:
        self.tracked: Tracked | None = None
        self._ledger = ledger
        self._content = content
        self._plan = plan
        self._sent = 0

    def note(self, offset: int) -> None:
        self._sent = offset
        if self.tracked is not None:
            self.tracked.sent = max(self.tracked.sent, offset)

    def heard(self, interim: Interim) -> None:
        if "location" in interim.headers:
            self.opened(interim.headers["location"])
        elif self.tracked is not None:
            self._ledger.heard_interim(interim, "POST", self.tracked, 0)

    def opened(self, location: str) -> Tracked:
        """The upload there, which may be known already."""
        target = urlsplit(location).path
        if self.tracked is None:
            self.tracked = self._ledger.opened(target, self._content)
            self.tracked.by_word, self.tracked.said = True, _says_complete(self._plan)
            self.tracked.sent = self._sent
        elif self.tracked.target != target:
            self._ledger.broken("I7", self.tracked, f"the same creation was then said to be {target}")
        return self.tracked


def next_plan(content: Content, start: int, stop: int, framing: Framing) -> Plan:
    """From `start` on; the rest where it reaches the end."""
    end = min(stop, content.length)
    return Plan.whole(start, end, framing, complete=end == content.length)


def _says_complete(plan: Plan) -> bool:
    """Only a body that came to its end says anything."""
    return plan.complete and plan.reach == plan.stop


def _completeness(plan: Plan) -> tuple[str, str]:
    return ("Upload-Complete", "?1" if plan.complete else "?0")
