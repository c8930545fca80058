"""An object store on bad days: the right object, or an honest error; never a wrong one, and never for ever.

Each day, several clients upload at once through a proxy before a real store.
Belongs here: the days. Not here: single faults (fault_proxy.py), a store that is away for long (away.py).
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Any

from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.ledger import Ledger, Tracked
from tests.harness.persist import GONE, persist
from tests.harness.server import Server
from tests.harness.tus import Plan, Refused, TusClient
from tests.services.fault_proxy import Call, Fault, FaultProxy
from tests.services.seaweedfs import ACCESS_KEY, SECRET_KEY, Bucket

from .report import Outcome
from .stores import bucket

MIB = 1 << 20
SHARE = 0.3
"""Of the requests to the store that meet a fault."""
AT_ONCE = 10
PART = 5 * MIB
NOT_FOR_EVER = 120.0
"""Seconds; whoever is not through then never will be."""
_LOST = "HEAD of an open upload: 410"
"""Said honestly, where somebody took the bytes away."""


@dataclass(kw_only=True)
class Days:
    """A server, the proxy before its store, and what happened so far."""

    server: Server
    proxy: FaultProxy
    bucket: Bucket
    """Past the proxy."""
    dice: random.Random
    outcome: Outcome
    ledger: Ledger = field(default_factory=Ledger)
    """Of this day."""
    robbed: bool = False
    """Somebody took bytes away on this day, so that saying so is right."""
    lost: int = 0
    met: Counter[str] = field(default_factory=Counter)

    def client(self) -> TusClient:
        return TusClient(address=self.server.address, ledger=self.ledger)

    def is_lost(self, status: int) -> None:
        """Raises AssertionError where that is not the honest word for it."""
        assert self.robbed, f"{status}, and nobody took anything away"
        assert status == GONE, status
        self.lost += 1


Day = Callable[[Days, Sequence[Content]], Awaitable[None]]


async def bad_days(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Each run is one upload."""
    async with _days(server, outcome) as days:
        kinds = cycle(_KINDS)
        while outcome.runs < runs:
            count = min(AT_ONCE, runs - outcome.runs)
            contents = [_content(days, outcome.runs + number) for number in range(count)]
            kind = next(kinds)
            try:
                await _one_day(days, kind, contents)
            except (AssertionError, TimeoutError) as wrong:
                outcome.broken("object", f"{kind.__name__} after {outcome.runs} runs: {wrong!r}")
            outcome.runs += count
    met = Counter[str]()
    for what, count in days.met.items():
        met[what.partition(": ")[2]] += count
    outcome.remarks.append(f"{days.lost} said to be lost, as somebody took their bytes away")
    outcome.remarks += [f"{count} x {what}" for what, count in met.most_common()]
    return outcome


async def killed_at_every_call(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Each run is kill -9 one call of the store further: before the store hears of it, or before we do."""
    async with _days(server, outcome) as days:
        for shape in cycle(_SHAPES):
            for moment in ("before", "after"):
                number = 0
                was_reached = True
                while was_reached:
                    if outcome.runs >= runs:
                        return outcome
                    number += 1
                    was_reached = await _killed_at(days, shape, moment, number)
                    outcome.runs += 1
    return outcome


@asynccontextmanager
async def _days(server: Server, outcome: Outcome) -> AsyncIterator[Days]:
    async with bucket() as found:
        proxy = FaultProxy(found.endpoint, outcome.seed)
        async with proxy.running() as endpoint:
            chosen = replace(found, endpoint=endpoint).settings(
                s3_retry_within="1s", s3_timeout="5s", s3_part_size=str(PART)
            )
            server.settings = {**server.settings, **chosen, "storage.sweep_interval": "2s"}
            await server.start()
            try:
                yield Days(
                    server=server,
                    proxy=proxy,
                    bucket=found,
                    dice=random.Random(outcome.seed),
                    outcome=outcome,
                    met=proxy.met,
                )
            finally:
                await server.stop()


def _content(days: Days, number: int) -> Content:
    length = days.dice.choice([1, 70_000, 2 * MIB, 6 * MIB, 12 * MIB, 17 * MIB]) + days.dice.randrange(1000)
    return Content(seed=days.outcome.seed + number, length=length)


# --- the days


async def _one_day(days: Days, kind: Day, contents: Sequence[Content]) -> None:
    days.ledger, days.robbed = Ledger(), False
    try:
        async with asyncio.timeout(NOT_FOR_EVER):
            await kind(days, contents)
    finally:
        days.proxy.share, days.proxy.rules = 0.0, []
    await _all_is_right(days)


async def storm(days: Days, contents: Sequence[Content]) -> None:
    """Every fault that there is, at 30 % of all requests."""
    days.proxy.share = SHARE
    await _all_persist(days, contents)


async def storm_and_kill(days: Days, contents: Sequence[Content]) -> None:
    """The same, and kill -9."""
    days.proxy.share = SHARE
    sending = asyncio.create_task(_all_persist(days, contents))
    try:
        # Not a wait for anything: the moment of the kill is random.
        await asyncio.wait((sending,), timeout=days.dice.uniform(0.1, 3.0))
        await days.server.kill9()
        # A start needs the store.
        days.proxy.share = 0.0
        await days.server.start()
        days.proxy.share = SHARE
        await sending
    finally:
        sending.cancel()


async def holes(days: Days, contents: Sequence[Content]) -> None:
    """Of each upload one part fails, again and again, while those behind it get there."""
    failures: Counter[str] = Counter()
    doomed = days.dice.randint(1, 3)

    def rule(call: Call) -> Fault | None:
        # As often as a writer tries, and then once more for the next one.
        if call.operation != "part" or call.part != doomed or failures[call.key] >= 5:
            return None
        failures[call.key] += 1
        return Fault.LATE_ERROR

    days.proxy.rules = [rule]
    # In one body each, so that there is something behind the part that fails.
    await asyncio.gather(*(_persist_in_one(days, content) for content in contents))


async def completed_twice(days: Days, contents: Sequence[Content]) -> None:
    """Every Complete is done twice, or its answer is lost, or an Error in a 200."""
    kinds = [Fault.TWICE, Fault.LOST_ANSWER, Fault.ERROR_IN_200, Fault.ERROR_AFTER, None]
    days.proxy.rules = [lambda call: days.dice.choice(kinds) if call.operation == "complete" else None]
    await _all_persist(days, contents)


async def aborted_behind_our_back(days: Days, contents: Sequence[Content]) -> None:
    """Somebody else's lifecycle rule: every multipart upload is aborted, a few times."""
    days.robbed = True
    sending = asyncio.create_task(_all_persist(days, contents))
    try:
        for _ in range(3):
            await asyncio.wait((sending,), timeout=days.dice.uniform(0.05, 1.0))
            await _abort_all(days.bucket)
        await sending
    finally:
        sending.cancel()


_KINDS: Sequence[Day] = (storm, holes, storm_and_kill, completed_twice, aborted_behind_our_back)


async def _all_persist(days: Days, contents: Sequence[Content]) -> None:
    async with asyncio.TaskGroup() as group:
        for content in contents:
            group.create_task(_persist(days, content))


async def _persist(days: Days, content: Content) -> None:
    dice = random.Random(content.seed)
    while True:
        try:
            await persist(days.client(), dice, content)
        except Refused:
            # Counted at the end of the day.
            continue
        return


async def _persist_in_one(days: Days, content: Content) -> None:
    client = days.client()
    tracked = await client.create(content)
    while not tracked.finished:
        with suppress(Refused):
            start = await client.offset(tracked)
            await client.patch(tracked, Plan.whole(start, content.length))


# --- killed between calls

_SHAPES: Sequence[tuple[int, ...]] = (
    (17 * MIB,),
    # Tails that become a part, and one that is left at the end.
    (MIB, 2 * MIB, 6 * MIB, 8 * MIB, 8 * MIB + 5),
    (300_000,),
)
"""Where the requests of an upload end."""


async def _killed_at(days: Days, shape: Sequence[int], moment: str, number: int) -> bool:
    """Whether there were so many calls."""
    days.ledger = Ledger()
    left = number
    killing: asyncio.Task[None] | None = None

    async def kill(_: Call) -> bool:
        nonlocal left, killing
        left -= 1
        if left == 0:
            # The server's death ends this very call, which must not end the killing.
            killing = asyncio.create_task(days.server.kill9())
            await asyncio.shield(killing)
        return left <= 0

    client = days.client()
    content = Content(seed=days.outcome.seed + days.outcome.runs, length=shape[-1])
    tracked = await client.create(content)
    setattr(days.proxy, moment, kill)
    try:
        # Connections die with the server.
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(NOT_FOR_EVER):
                start = 0
                for stop in shape:
                    await client.patch(tracked, Plan.whole(start, stop))
                    start = stop
                await _stored_or_dead(days, tracked)
    finally:
        setattr(days.proxy, moment, None)
    if killing is not None:
        await killing
        await days.server.start()
    try:
        await _all_is_right(days)
    except (AssertionError, TimeoutError) as wrong:
        days.outcome.broken("object", f"killed {moment} call {number} of {shape}: {wrong!r}")
    return killing is not None


async def _stored_or_dead(days: Days, tracked: Tracked) -> None:
    """Completing is a job: it goes on behind the last answer."""
    while days.server.running:
        if (await download(days.server.address, tracked.target))[0] == 200:
            return
        await asyncio.sleep(0.05)


# --- what must hold


async def _all_is_right(days: Days) -> None:
    """On a good day after it: every upload of the day can be finished, and is what was sent."""
    ledger = days.ledger
    wrong = [one for one in ledger.violations if _LOST not in one.detail or not days.robbed]
    assert not wrong, wrong
    async with asyncio.timeout(NOT_FOR_EVER):
        await asyncio.gather(*(_is_right(days, tracked) for tracked in ledger.uploads.values()))
    assert not days.server.first_traceback


async def _is_right(days: Days, tracked: Tracked) -> None:
    client = days.client()
    try:
        await client.finish(tracked, step=8 * MIB)
    except Refused as gone:
        days.is_lost(gone.answer.status)
        return
    while True:
        status, length, digest = await download(days.server.address, tracked.target)
        if status == GONE:
            # Completing found that its parts were taken away.
            days.is_lost(status)
            return
        if status == 200:
            assert (length, digest) == (tracked.content.length, tracked.content.sha256()), tracked
            break
        await asyncio.sleep(0.2)
    await client.delete(tracked)


async def _abort_all(found: Bucket) -> None:
    from aiobotocore.session import get_session  # noqa: PLC0415 - only where a store is used

    client: Any
    async with get_session().create_client(
        "s3",
        endpoint_url=found.endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    ) as client:
        for begun in (await client.list_multipart_uploads(Bucket=found.name)).get("Uploads", ()):
            # One that was completed meanwhile is no error here.
            with suppress(client.exceptions.NoSuchUpload):
                await client.abort_multipart_upload(
                    Bucket=found.name, Key=begun["Key"], UploadId=begun["UploadId"]
                )
