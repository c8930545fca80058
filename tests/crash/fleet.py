"""Three nodes over one bucket, and the clients that people use: a node is killed every few seconds.

Belongs here: what tus-js-client and tuspy see of it. Not here: our own clients and the checker (nodes.py).
"""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tusclient.exceptions import TusCommunicationError

from tests.clients.foreign import Tuspy, Variant, node_reason, tus_js_client
from tests.harness.checker import download
from tests.harness.cluster import cluster
from tests.harness.content import Content
from tests.harness.rows import fetch
from tests.harness.server import Server
from tests.harness.wire import Address
from tests.services import proxies

from . import stores
from .report import Outcome, percentile

KIB, MIB = 1 << 10, 1 << 20
NODES = 3
AT_ONCE = 6
BETWEEN_KILLS = 5.0
PART = 8 * MIB
"""The default of s3_part_size."""
MOST_SENT_AGAIN = 2 * PART
STORED_WITHIN = 60.0
_CHUNKS = (0, 0, 10 * MIB, 50 * MIB)
"""Of tus-js-client: mostly all that is left in one body."""
_TUSPY_CHUNKS = (4 * MIB, 20 * MIB, 64 * MIB)
"""It holds a chunk in memory."""
_STARTED = re.compile(r'"worker": "([0-9a-f]+)"')


def missing() -> str | None:
    """Why it cannot run here."""
    return proxies.missing("haproxy") or node_reason() or stores.missing()


@dataclass(kw_only=True)
class _Fleet:
    """What is known of a run."""

    nodes: Sequence[Server]
    front: Address
    folder: Path
    outcome: Outcome
    urls: list[str] = field(default_factory=list)
    interrupted: list[int] = field(default_factory=list)
    """By each kill, bodies that its node was receiving."""
    requests: Counter[str] = field(default_factory=Counter)


async def killed_under_foreign_clients(server: Server, outcome: Outcome, runs: int, largest: int) -> Outcome:
    """Each run is an upload, by tus-js-client or tuspy. Measures how long a node takes to be ready."""
    async with (
        stores.bucket() as bucket,
        cluster(
            server.folder, server.database_url, stores.nodes_in(bucket), count=NODES, settings={}
        ) as nodes,
    ):
        with proxies.haproxy([node.address for node in nodes.nodes], server.folder) as front:
            fleet = _Fleet(nodes=nodes.nodes, front=front, folder=server.folder, outcome=outcome)
            contents = _contents(outcome.seed, runs, largest)
            await _upload_under_kills(fleet, contents)
            received = proxies.received_by_haproxy(server.folder)
            await _judge(fleet, contents, received)
    return outcome


def _contents(seed: int, count: int, largest: int) -> list[Content]:
    """Sizes spread evenly over the powers of two, from a KiB to the largest; both are there."""
    dice = random.Random(seed)
    sizes = [KIB, largest, *(int(KIB * (largest / KIB) ** dice.random()) for _ in range(count - 2))]
    return [Content(seed=seed + number, length=size) for number, size in enumerate(sizes[:count])]


async def _upload_under_kills(fleet: _Fleet, contents: Sequence[Content]) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, content: Content) -> None:
        async with limit:
            client = _by_tus_js_client if number % 2 else _by_tuspy
            await client(fleet, number, content)

    killing = asyncio.create_task(_kill_by_turns(fleet))
    try:
        async with asyncio.TaskGroup() as group:
            for number, content in enumerate(contents):
                group.create_task(one(number, content))
    finally:
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
    if killing.done() and not killing.cancelled() and (failed := killing.exception()):
        raise failed
    for node in fleet.nodes:
        if not node.running:
            node.spawn()
        await node.ready()


async def _kill_by_turns(fleet: _Fleet) -> None:
    """So often, or as soon as the last one is ready again: one node of three is away at a time."""
    began = time.monotonic()
    while True:
        for node in fleet.nodes:
            await asyncio.sleep(max(0.0, began + BETWEEN_KILLS - time.monotonic()))
            began = time.monotonic()
            # Its last start is the last in its log.
            worker = _STARTED.findall(node.log)[-1]
            await node.kill9()
            fleet.interrupted.append(await _bodies_of(fleet, worker))
            node.spawn()
            fleet.outcome.seconds.append(await node.ready())


async def _bodies_of(fleet: _Fleet, worker: str) -> int:
    [row] = await fetch(fleet.nodes[0], f"SELECT count(*) AS held FROM uploads WHERE holder = '{worker}'")
    return int(row["held"])


async def _by_tus_js_client(fleet: _Fleet, number: int, content: Content) -> None:
    path = await asyncio.to_thread(content.write_to, fleet.folder / f"{number}.bin")
    variant = Variant(name="through a fleet", chunk_size=_CHUNKS[number // 2 % len(_CHUNKS)])
    endpoint = f"{fleet.front.url}/files/"
    done = await tus_js_client(variant, endpoint, path, fleet.folder / f"{number}.json")
    fleet.requests.update(done.requests)
    fleet.urls.append(done.url)
    path.unlink()


async def _by_tuspy(fleet: _Fleet, number: int, content: Content) -> None:
    path = await asyncio.to_thread(content.write_to, fleet.folder / f"{number}.bin")
    client = Tuspy(
        endpoint=f"{fleet.front.url}/files/",
        path=path,
        memory=fleet.folder / f"{number}.json",
        chunk_size=_TUSPY_CHUNKS[number // 2 % len(_TUSPY_CHUNKS)],
    )
    while True:
        try:
            url = await asyncio.to_thread(client.upload)
        except (TusCommunicationError, OSError):
            # Creating is what it does not try again by itself; the URL of what was created it has kept.
            await asyncio.sleep(0.5)
        else:
            break
    fleet.urls.append(url)
    path.unlink()


async def _judge(fleet: _Fleet, contents: Sequence[Content], received: int) -> None:
    outcome = fleet.outcome
    outcome.runs += len(contents)
    await _hashes_are_equal(fleet, contents)
    total = sum(content.length for content in contents)
    bodies, kills = sum(fleet.interrupted), len(fleet.interrupted)
    again = max(0, received - total)
    each = again / max(1, bodies)
    if each > MOST_SENT_AGAIN:
        outcome.broken("again", f"{each / MIB:.1f} MiB for each body that a kill broke off")
    outcome.remarks.append(
        f"{total / MIB:.0f} MiB; {kills} kills broke off {bodies} bodies; {again / MIB:.0f} MiB sent again: "
        f"{again / max(1, kills) / MIB:.1f} MiB for a kill, {each / MIB:.1f} MiB for a body"
    )
    if outcome.seconds:
        outcome.remarks.append(f"ready after {percentile(outcome.seconds, 50):.1f} s")


async def _hashes_are_equal(fleet: _Fleet, contents: Sequence[Content]) -> None:
    """Every URL that a client ended with is an upload, and together they are what was sent."""
    found: Counter[tuple[int, str]] = Counter()
    for url in fleet.urls:
        if not url.startswith(fleet.front.url):
            fleet.outcome.broken("url", f"an upload ended as {url}")
            continue
        found[await _stored(fleet, url.removeprefix(fleet.front.url))] += 1
    wanted = Counter((content.length, content.sha256()) for content in contents)
    if found != wanted:
        fleet.outcome.broken("I3", f"not what was sent: {found - wanted}; not there: {wanted - found}")
    # A POST whose answer died leaves an upload without a byte; of one with bytes, its client knew.
    left = await fetch(
        fleet.nodes[0], 'SELECT id, state, "offset" FROM uploads WHERE state <> \'stored\' AND "offset" > 0'
    )
    if left:
        fleet.outcome.broken("restart", f"begun, and then begun anew: {[dict(row) for row in left]}")


async def _stored(fleet: _Fleet, target: str) -> tuple[int, str]:
    async with asyncio.timeout(STORED_WITHIN):
        while True:
            status, length, digest = await download(fleet.front, target)
            if status == 200:
                return length, digest
            await asyncio.sleep(0.2)
