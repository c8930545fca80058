"""Clients that upload all the time, rudely, and can be told to wait while somebody looks.

Sizes are spread evenly over the powers of two up to the largest. Bodies are cut, framed either way, sent
in the creating POST; some uploads are deleted. Some go by the IETF draft, and are complete when their clients
say so, sometimes in a request of its own. Everything goes into one ledger.

Belongs here: the load. Not here: the faults that it is put under, and verdicts.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.harness.by_word import ByWordClient, client_of, next_plan
from tests.harness.content import Content
from tests.harness.ledger import Ledger, Tracked
from tests.harness.server import until
from tests.harness.tus import Framing, Plan, Refused, TusClient, cut_somewhere
from tests.harness.wire import Address

T = TypeVar("T")

MIB = 1 << 20
LARGEST = 64 * MIB
STEP = 16 * MIB
"""Largest body of one request."""
BY_WORD = 0.3
"""Share of the uploads that go by the IETF draft."""


@dataclass(slots=True, kw_only=True)
class Load:
    """`async with` starts the clients and ends them."""

    address: Address
    seed: int
    clients: int = 8
    largest: int = LARGEST
    ledger: Ledger = field(default_factory=Ledger)
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _at_work: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._open.set()
        self._tasks = [asyncio.create_task(self._client(number)) for number in range(self.clients)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        wrong = [found for found in ended if isinstance(found, Exception)]
        if wrong and error is None:
            raise ExceptionGroup("clients of the load", wrong)

    def hold(self) -> None:
        """No client begins another request."""
        self._open.clear()

    async def quiet(self, within: float = 90.0) -> None:
        """Hold, and wait until no request is under way."""
        self.hold()
        await until(lambda: self._at_work == 0, "the clients of the load are quiet", within)

    def go_on(self) -> None:
        self._open.set()

    def failed(self) -> bool:
        """A client found something that it cannot go on from."""
        return any(task.done() for task in self._tasks)

    async def _client(self, number: int) -> None:
        dice = random.Random(f"{self.seed}/{number}")
        while True:
            by_word = dice.random() < BY_WORD
            tracked = await self._alone(partial(self._create_by_word if by_word else self._create, dice))
            go_on = self._advance_by_word if by_word else self._advance
            while tracked is not None and not tracked.finished:
                if await self._alone(partial(go_on, dice, tracked)) is Refused:
                    tracked = None
            if tracked is not None and dice.random() < 0.2:
                await self._alone(partial(client_of(tracked, self.address, self.ledger).delete, tracked))

    async def _alone(self, request: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """Run one request when that is allowed; None when the connection died."""
        while not self._open.is_set():  # it may have been closed again before we run
            await self._open.wait()
        self._at_work += 1
        try:
            return await request()
        except (OSError, TimeoutError):
            # The server is dead or dying. Without a pause the clients would spin.
            await asyncio.sleep(0.02)
            return None
        finally:
            self._at_work -= 1

    def _content(self, dice: random.Random) -> Content:
        length = min(self.largest, int(2 ** dice.uniform(0, (self.largest * 2 - 1).bit_length())))
        return Content(seed=dice.randrange(1 << 32), length=length)

    async def _create(self, dice: random.Random) -> Tracked | None:
        client = TusClient(address=self.address, ledger=self.ledger)
        content, body = self._content(dice), None
        if dice.random() < 0.3:
            body = Plan.whole(0, min(content.length, _step(dice)), _framing(dice))
        try:
            return await client.create(content, *_metadata(dice), body=body)
        except Refused:
            return None

    async def _advance(self, dice: random.Random, tracked: Tracked) -> object:
        """One HEAD and one PATCH."""
        client = TusClient(address=self.address, ledger=self.ledger)
        try:
            start = await client.offset(tracked)
        except Refused:
            return Refused  # the ledger has heard it; the upload is left for the checker
        length = tracked.content.length
        if start >= length:
            return None
        stop = min(length, start + _step(dice))
        if dice.random() < 0.25:
            await client.patch_cut(tracked, cut_somewhere(dice, start, stop, _framing(dice)))
        else:
            await client.patch(tracked, Plan.whole(start, stop, _framing(dice)))
        return None

    async def _create_by_word(self, dice: random.Random) -> Tracked | None:
        """With nothing, a beginning, or all of it."""
        client = ByWordClient(address=self.address, ledger=self.ledger)
        content, body = self._content(dice), None
        if dice.random() < 0.7:
            stop = min(STEP, content.length) if dice.random() < 0.5 else _step(dice)
            body = _cut_sometimes(dice, next_plan(content, 0, stop, _framing(dice)))
        said = (("Upload-Length", str(content.length)),) if dice.random() < 0.5 else ()
        try:
            return await client.create(content, *said, body=body)
        except Refused:
            return None

    async def _advance_by_word(self, dice: random.Random, tracked: Tracked) -> object:
        """One HEAD and one PATCH, which may say that the upload is complete or leave that to another one."""
        client = ByWordClient(address=self.address, ledger=self.ledger)
        try:
            start = await client.offset(tracked)
        except Refused:
            return Refused
        if tracked.finished:
            return None
        plan = next_plan(tracked.content, start, start + _step(dice), _framing(dice))
        if start < plan.stop and dice.random() < 0.3:
            plan = replace(plan, complete=False)
        plan = _cut_sometimes(dice, plan)
        if plan.reach < plan.stop:
            await client.patch_cut(tracked, plan)
        else:
            await client.patch(tracked, plan)
        return None


def _cut_sometimes(dice: random.Random, plan: Plan) -> Plan:
    if plan.start == plan.stop or dice.random() < 0.75:
        return plan
    cut = cut_somewhere(dice, plan.start, plan.stop, plan.framing)
    return replace(cut, complete=plan.complete)


def _step(dice: random.Random) -> int:
    return max(1, int(2 ** dice.uniform(0, STEP.bit_length())))


def _framing(dice: random.Random) -> Framing:
    return dice.choice(list(Framing))


def _metadata(dice: random.Random) -> tuple[tuple[str, str], ...]:
    return (("Upload-Metadata", "filename YS50eHQ=,empty"),) if dice.random() < 0.5 else ()
