"""How long HEAD takes where it has to disturb somebody, and that two writers both get on.

Belongs here: waiting times that a person would notice. Not here: throughput (bench/).
"""

import asyncio
import random
import time

from tests.harness.checker import check_invariants
from tests.harness.content import Content
from tests.harness.ledger import Tracked
from tests.harness.server import Server
from tests.harness.tus import Plan, TusClient
from tests.harness.wire import Answer

from .report import Outcome, percentile

MIB = 1 << 20
DEAD_WRITER_P99 = 1.5
BYSTANDER_P99 = 0.1


async def head_beside_dead_writer(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """A PATCH hangs on a dead connection, its client comes back. Measures HEAD until it names the offset."""
    dice = random.Random(outcome.seed)
    client = TusClient(address=server.address)
    lost: list[float] = []
    for _ in range(runs):
        content = Content(seed=dice.randrange(1 << 32), length=8 * MIB)
        tracked = await client.create(content)
        reach = dice.randint(1, 4 * MIB)
        hanging = await client.patch_hanging(tracked, Plan(start=0, stop=content.length, reach=reach))
        began = time.monotonic()
        offset = await client.offset(tracked)
        outcome.seconds.append(time.monotonic() - began)
        lost.append(reach - offset)
        await client.finish(tracked, step=8 * MIB)
        await hanging.connection.close()
        outcome.runs += 1
    outcome.remarks.append(f"median sent again: {percentile(lost, 50) / 1024:.0f} KiB")
    _limit(outcome, DEAD_WRITER_P99)
    await check_invariants(client.ledger, server)
    return outcome


async def head_beside_large_writers(
    server: Server, outcome: Outcome, runs: int, *, each: int = 512 * MIB, slack: float = 1.0
) -> Outcome:
    """Four uploads of `each` bytes run. Measures HEAD on a fifth; `slack` widens the limit."""
    client = TusClient(address=server.address)
    idle = await client.create(Content(seed=outcome.seed, length=MIB))
    large = [await client.create(Content(seed=number, length=each)) for number in range(4)]
    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(client.finish(tracked, step=each)) for tracked in large]
        while outcome.runs < runs and not all(writer.done() for writer in writers):
            began = time.monotonic()
            await client.head(idle)
            outcome.seconds.append(time.monotonic() - began)
            outcome.runs += 1
            await asyncio.sleep(0.01)
    _limit(outcome, BYSTANDER_P99 * slack)
    await check_invariants(client.ledger, server)
    return outcome


async def two_tabs(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Two tabs resume one upload by turns. Measures until it is finished; both must have moved it."""
    dice = random.Random(outcome.seed)
    client = TusClient(address=server.address)
    for _ in range(runs):
        content = Content(seed=dice.randrange(1 << 32), length=24 * MIB)
        tracked = await client.create(content)
        moved = [0, 0]
        began = time.monotonic()
        async with asyncio.timeout(60.0):
            await asyncio.gather(_tab(client, tracked, moved, 0), _tab(client, tracked, moved, 1))
        outcome.seconds.append(time.monotonic() - began)
        if not all(moved):
            outcome.broken("progress", f"the tabs moved the offset {moved[0]} and {moved[1]} times")
        outcome.runs += 1
    await check_invariants(client.ledger, server)
    return outcome


async def _tab(client: TusClient, tracked: Tracked, moved: list[int], number: int) -> None:
    """A browser tab: HEAD, PATCH of 1 MiB, and again after whatever happens."""
    while not tracked.finished:
        start = await client.offset(tracked)
        stop = min(start + MIB, tracked.content.length)
        if start == stop:
            return
        answer = await _patch_or_cut(client, tracked, Plan.whole(start, stop))
        moved[number] += await _has_moved(client, tracked, start, answer)


async def _has_moved(client: TusClient, tracked: Tracked, start: int, answer: Answer | None) -> bool:
    """Whether a PATCH at `start` moved the offset; one that was interrupted saved what had come."""
    if answer is None or answer.status not in (204, 423):
        return False
    if answer.status == 423 and b"ERR_UPLOAD_INTERRUPTED" not in answer.body:
        return False
    return answer.status == 204 or await client.offset(tracked) > start


async def _patch_or_cut(client: TusClient, tracked: Tracked, plan: Plan) -> Answer | None:
    try:
        return await client.patch(tracked, plan)
    except ConnectionError:
        return None


def _limit(outcome: Outcome, p99: float) -> None:
    found = percentile(outcome.seconds, 99)
    if found > p99:
        outcome.late.append(f"p99 of HEAD is {found * 1000:.0f} ms, the limit is {p99 * 1000:.0f} ms")
