"""Three nodes behind haproxy round-robin: every request meets another one, and nodes come and go.

Belongs here: kills and restarts of whole nodes under load. Not here: those of workers of one host (kills.py).
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.clients.foreign import Variant, node_reason, tus_js_client
from tests.harness.checker import check_invariants, download
from tests.harness.cluster import Cluster, Storage, cluster, kept_going, restart_gently, restart_killed
from tests.harness.content import Content
from tests.harness.ledger import Ledger
from tests.harness.rows import fetch
from tests.harness.server import Server
from tests.harness.tus import Plan, TusClient
from tests.services import proxies

from .frozen import go_on, hear_the_late_one
from .kills import everything_finishes
from .load import Load
from .report import Outcome

MIB = 1 << 20
NODES = 3
STOPPED_WITHIN = 10.0
GOES_ON_WITHIN = 10.0
TOLD_WITHIN = 2.0
JS = Variant(name="chunks through three nodes", chunk_size=MIB)


def missing() -> str | None:
    """Why it cannot run here."""
    return proxies.missing("haproxy") or node_reason()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How hard it gets."""

    between: tuple[float, float]
    """Seconds from one fault to the next."""
    largest: int
    """Bytes; sizes are spread evenly over the powers of two up to this."""
    check_every: int
    """Faults from one look at all rows and files to the next."""
    js_uploads: int
    """Of tus-js-client, at a time, while the raw clients upload."""
    js_bytes: int


LONG = Pace(between=(2.0, 5.0), largest=64 * MIB, check_every=5, js_uploads=2, js_bytes=32 * MIB)
SHORT = Pace(between=(0.5, 1.5), largest=4 * MIB, check_every=3, js_uploads=1, js_bytes=6 * MIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """Nodes, the balancer before them, and clients at work."""

    nodes: Cluster
    front: Server
    """All of it as clients see it."""
    load: Load


@asynccontextmanager
async def _arena(server: Server, outcome: Outcome, storage: Storage, pace: Pace) -> AsyncIterator[Arena]:
    """`server` says where, and which database; it is not started."""
    # The sweep runs all the time, so that it meets writers of other nodes.
    settings = {"storage.sweep_interval": "1s"}
    async with cluster(server.folder, server.database_url, storage, count=NODES, settings=settings) as nodes:
        with proxies.haproxy([node.address for node in nodes.nodes], server.folder) as proxy:
            front = nodes.seen_from(proxy)
            async with Load(address=proxy, seed=outcome.seed, largest=pace.largest) as load:
                yield Arena(nodes=nodes, front=front, load=load)
                await load.quiet()
            await everything_finishes(load.ledger, front)
            outcome.remarks.append(_told(load.ledger))
            for node in nodes.nodes:
                # aiohttp logs one of its own where a client that was refused goes on with very small chunks.
                ours = (line for line in node.log.splitlines() if '"logger": "aiohttp' not in line)
                found = next((line for line in ours if "Traceback" in line), None)
                if found is not None:
                    outcome.broken("log", f"a traceback in the log: {found[:5000]}")


async def killed_by_turns(
    server: Server, outcome: Outcome, runs: int, storage: Storage, pace: Pace
) -> Outcome:
    """kill -9 of one node after the other. Measures how long a node takes to be ready again."""
    dice = random.Random(outcome.seed)
    async with _arena(server, outcome, storage, pace) as arena, asyncio.TaskGroup() as group:
        javascript = [
            group.create_task(_by_tus_js_client(arena, server.folder, outcome, pace, number))
            for number in range(pace.js_uploads)
        ]
        while outcome.runs < runs or not all(task.done() for task in javascript):
            # Not a wait for anything: the moment of the kill is random.
            await asyncio.sleep(dice.uniform(*pace.between))
            outcome.seconds.append(await restart_killed(dice.choice(arena.nodes.nodes)))
            outcome.runs += 1
            if outcome.runs % pace.check_every == 0:
                await arena.load.quiet()
                await check_invariants(arena.load.ledger, arena.front)
                arena.load.go_on()
    return outcome


async def restarted_by_turns(
    server: Server, outcome: Outcome, runs: int, storage: Storage, pace: Pace
) -> Outcome:
    """SIGTERM of one node after the other, as in a roll-out. Measures how long each takes to end."""
    async with _arena(server, outcome, storage, pace) as arena:
        ledger = arena.load.ledger
        for turn in range(runs):
            await kept_going(partial(_kept, ledger), 5, GOES_ON_WITHIN)
            seconds = await restart_gently(arena.nodes.nodes[turn % NODES])
            outcome.measured(seconds, STOPPED_WITHIN, "SIGTERM under load")
            outcome.runs += 1
        await kept_going(partial(_kept, ledger), 5, GOES_ON_WITHIN)
    return outcome


async def frozen(server: Server, outcome: Outcome, runs: int, storage: Storage, frozen_for: float) -> Outcome:
    """SIGSTOP of the node that writes, another one goes on, SIGCONT. Measures until the offset is told."""
    dice = random.Random(outcome.seed)
    ledger = Ledger()
    async with cluster(server.folder, server.database_url, storage, count=2, settings={}) as nodes:
        for turn in range(runs):
            writing, other = (nodes.nodes[(turn + step) % 2] for step in range(2))
            await _freeze_once(writing, other, ledger, dice, outcome=outcome, frozen_for=frozen_for)
            outcome.runs += 1
        outcome.remarks.append(_told(ledger))
    return outcome


async def _freeze_once(
    writing: Server,
    other: Server,
    ledger: Ledger,
    dice: random.Random,
    *,
    outcome: Outcome,
    frozen_for: float,
) -> None:
    client, there = (TusClient(address=node.address, ledger=ledger) for node in (writing, other))
    content = Content(seed=dice.randrange(1 << 32), length=24 * MIB)
    tracked = await client.create(content)
    plan = Plan(start=0, stop=content.length, reach=dice.randint(MIB, 20 * MIB))
    hanging = await client.patch_hanging(tracked, plan)
    async with asyncio.timeout(GOES_ON_WITHIN):
        # Until it has accepted the connection, the kernel takes the bytes.
        while not await fetch(other, f"SELECT 1 FROM uploads WHERE id = '{tracked.id}' AND holder <> ''"):
            await asyncio.sleep(0.01)
    writing.freeze()
    stopped = time.monotonic()
    try:
        await there.offset(tracked)
        outcome.measured(time.monotonic() - stopped, TOLD_WITHIN, "HEAD beside a frozen node")
        await go_on(there, tracked, dice)
        # The time of the freeze is what is tried here.
        await asyncio.sleep(max(0.0, frozen_for - (time.monotonic() - stopped)))
    finally:
        writing.wake()
    await hear_the_late_one(hanging, outcome)
    await check_invariants(ledger, other)
    await client.finish(tracked, step=5 * MIB)
    await check_invariants(ledger, writing)


async def _by_tus_js_client(arena: Arena, folder: Path, outcome: Outcome, pace: Pace, number: int) -> None:
    """One upload that may never be begun again, nor change its URL."""
    content = Content(seed=outcome.seed + number, length=pace.js_bytes)
    path = content.write_to(folder / f"js{number}.bin")
    done = await tus_js_client(JS, arena.front.files_url, path, folder / f"js{number}.json")
    if done.statuses.get("POST 201") != 1:
        outcome.broken("restart", f"tus-js-client began {done.statuses} times")
    if not done.url.startswith(arena.front.files_url):
        outcome.broken("url", f"the upload ended as {done.url}")
    target = done.url.removeprefix(arena.front.address.url)
    if await download(arena.front.address, target) != (200, content.length, content.sha256()):
        outcome.broken("I3", f"{done.url} does not give back what tus-js-client sent")


def _kept(ledger: Ledger) -> int:
    """Bodies that were answered 204."""
    return ledger.answers.get(204, 0)


def _told(ledger: Ledger) -> str:
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(ledger.answers.items()))
    return f"{len(ledger.uploads)} uploads; {answers}"
