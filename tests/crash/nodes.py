"""Three nodes behind haproxy round-robin: every request meets another one, and nodes come and go.

Belongs here: kills and restarts of whole nodes under load. Not here: those of workers of one host (kills.py).
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.clients.foreign import Variant, node_reason, tus_js_client
from tests.harness.checker import check_invariants, download
from tests.harness.cluster import Cluster, Storage, cluster, kept_going, restart_gently, restart_killed
from tests.harness.content import Content
from tests.harness.ledger import Ledger, Tracked
from tests.harness.rows import fetch
from tests.harness.server import Server
from tests.harness.tus import Hanging, Plan, TusClient
from tests.services import proxies

from . import stores
from .frozen import go_on, hear_the_late_one
from .kills import everything_finishes
from .load import Load
from .report import Outcome

MIB = 1 << 20
NODES = 3
STOPPED_WITHIN = 10.0
GOES_ON_WITHIN = 60.0
GIVEN_BACK_WITHIN = 60.0
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


async def killed_by_turns_on_s3(server: Server, outcome: Outcome, runs: int, pace: Pace) -> Outcome:
    """The same, with a bucket instead of a folder."""
    async with stores.bucket() as bucket:
        return await killed_by_turns(server, outcome, runs, storage=stores.nodes_in(bucket), pace=pace)


async def frozen_on_s3(
    server: Server, outcome: Outcome, runs: int, *, frozen_for: float, at_once: int
) -> Outcome:
    """As `frozen`, with a bucket; each freeze meets `at_once` uploads, and each of them is a run."""
    async with stores.bucket() as bucket:
        storage = stores.nodes_in(bucket)
        return await frozen(server, outcome, runs, storage=storage, frozen_for=frozen_for, at_once=at_once)


async def frozen(
    server: Server, outcome: Outcome, runs: int, storage: Storage, *, frozen_for: float, at_once: int = 1
) -> Outcome:
    """SIGSTOP of the node that writes, another one goes on, SIGCONT. Measures until the offset is told."""
    dice = random.Random(outcome.seed)
    ledger = Ledger()
    async with cluster(server.folder, server.database_url, storage, count=2, settings={}) as nodes:
        while outcome.runs < runs:
            pair = nodes.nodes if dice.random() < 0.5 else nodes.nodes[::-1]
            freeze = _Freeze(
                writing=pair[0], other=pair[1], ledger=ledger, dice=dice, outcome=outcome, lasting=frozen_for
            )
            await freeze.run(min(at_once, runs - outcome.runs))
        outcome.remarks.append(_told(ledger))
    return outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Freeze:
    """One node that is stopped for a while, and another one that goes on."""

    writing: Server
    other: Server
    ledger: Ledger
    dice: random.Random
    outcome: Outcome
    lasting: float

    async def run(self, uploads: int) -> None:
        """That many uploads are being written by the node when it stops."""
        hanging = [await self._begin() for _ in range(uploads)]
        self.writing.freeze()
        stopped = time.monotonic()
        try:
            await asyncio.gather(*(self._go_on(tracked, stopped) for tracked, _ in hanging))
            # The time of the freeze is what is tried here.
            await asyncio.sleep(max(0.0, self.lasting - (time.monotonic() - stopped)))
        finally:
            self.writing.wake()
        for _, body in hanging:
            await hear_the_late_one(body, self.outcome)
        await check_invariants(self.ledger, self.other)
        for tracked, _ in hanging:
            await self._client(self.writing).finish(tracked, step=5 * MIB)
        await check_invariants(self.ledger, self.writing)
        self.outcome.runs += uploads

    def _client(self, node: Server) -> TusClient:
        return TusClient(address=node.address, ledger=self.ledger)

    async def _begin(self) -> tuple[Tracked, Hanging]:
        client = self._client(self.writing)
        content = Content(seed=self.dice.randrange(1 << 32), length=24 * MIB)
        tracked = await client.create(content)
        plan = Plan(start=0, stop=content.length, reach=self.dice.randint(MIB, 20 * MIB))
        hanging = await client.patch_hanging(tracked, plan)
        async with asyncio.timeout(GOES_ON_WITHIN):
            # Until it has accepted the connection, the kernel takes the bytes.
            held = f"SELECT 1 FROM uploads WHERE id = '{tracked.id}' AND holder <> ''"
            while not await fetch(self.other, held):
                await asyncio.sleep(0.01)
        return tracked, hanging

    async def _go_on(self, tracked: Tracked, stopped: float) -> None:
        there = self._client(self.other)
        await there.offset(tracked)
        self.outcome.measured(time.monotonic() - stopped, TOLD_WITHIN, "HEAD beside a frozen node")
        await go_on(there, tracked, self.dice)


async def _given_back(arena: Arena, target: str) -> tuple[int, int, str]:
    """Asked again while the node that answers is killed, and while a killed one's finish is taken up."""
    async with asyncio.timeout(GIVEN_BACK_WITHIN):
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, KeyError):
                found = await download(arena.front.address, target)
                if found[0] not in (409, 502, 503, 504):
                    return found
            await asyncio.sleep(0.1)


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
    if await _given_back(arena, target) != (200, content.length, content.sha256()):
        outcome.broken("I3", f"{done.url} does not give back what tus-js-client sent")


def _kept(ledger: Ledger) -> int:
    """Bodies that were answered 204."""
    return ledger.answers.get(204, 0)


def _told(ledger: Ledger) -> str:
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(ledger.answers.items()))
    return f"{len(ledger.uploads)} uploads; {answers}"
