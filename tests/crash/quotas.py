"""Many creations at once for which a quota has room only in part: exactly so many are made.

Belongs here: the race over the real program. Not here: what is charged when (tests/contract/test_usage.py).
"""

import asyncio
from collections.abc import Sequence

from tests.harness.cluster import cluster, shared_folder
from tests.harness.rows import Row, fetch
from tests.harness.server import Server
from tests.harness.tus import RESUMABLE
from tests.harness.wire import Answer, request

from .report import Outcome

QUOTA = 1000
"""Bytes."""
SHARE = QUOTA // 10
CREATIONS = 200
NODES = 3
SETTINGS = {"quota.bytes": str(QUOTA)}


async def race(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """`runs` rounds over the workers of one server. Measures a round of 200 creations."""
    server.settings = {**server.settings, **SETTINGS}
    async with server:
        await _rounds([server], outcome, runs)
    return outcome


async def race_of_nodes(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """The same over three nodes on one Postgres."""
    async with cluster(
        server.folder, server.database_url, shared_folder, count=NODES, settings=SETTINGS
    ) as nodes:
        await _rounds(nodes.nodes, outcome, runs)
    return outcome


async def _rounds(nodes: Sequence[Server], outcome: Outcome, runs: int) -> None:
    refused = 0
    for _ in range(runs):
        began = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*(_create(nodes[n % len(nodes)]) for n in range(CREATIONS)))
        outcome.seconds.append(asyncio.get_running_loop().time() - began)
        made = [answer for answer in answers if answer.status == 201]
        refused += _judge(outcome, answers, made)
        await _used(nodes[0], outcome, bytes=QUOTA, files=10, open=10)
        targets = ["/files/" + answer.headers["location"].rpartition("/")[2] for answer in made]
        # By another node than the one that made it.
        ended = await asyncio.gather(
            *(
                request(nodes[(n + 1) % len(nodes)].address, "DELETE", target, [RESUMABLE])
                for n, target in enumerate(targets)
            )
        )
        if any(answer.status != 204 for answer in ended):
            outcome.broken("status", f"DELETE: {[answer.status for answer in ended]}")
        await _used(nodes[0], outcome, bytes=0, files=0, open=0)
        outcome.runs += 1
    outcome.remarks.append(f"{len(nodes)} nodes, {refused} creations refused")


async def _create(server: Server) -> Answer:
    return await request(server.address, "POST", "/files/", [RESUMABLE, ("Upload-Length", str(SHARE))])


def _judge(outcome: Outcome, answers: Sequence[Answer], made: Sequence[Answer]) -> int:
    """How many were refused as they should be."""
    if len(made) != QUOTA // SHARE:
        outcome.broken("quota", f"{len(made)} of {CREATIONS} were made, wanted {QUOTA // SHARE}")
    others = [answer for answer in answers if answer.status != 201]
    for odd in (answer for answer in others if answer.status != 413):
        outcome.broken("status", f"{odd.status} {odd.body!r}")
    return sum(b"ERR_QUOTA_EXCEEDED" in answer.body for answer in others)


async def _used(server: Server, outcome: Outcome, **wanted: int) -> None:
    rows: list[Row] = await fetch(server, "SELECT * FROM usage")
    found = [{name: row[name] for name in wanted} for row in rows]
    if found != [wanted]:
        outcome.broken("usage", f"{found}, wanted {wanted}")
