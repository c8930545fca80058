"""A limit of requests over three nodes: whichever node one comes to, it is one limit.

Belongs here: the count over the real program. Not here: the algorithm (tests/unit/access/test_rates.py).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

from tests.harness.cluster import cluster, shared_folder
from tests.harness.server import Server
from tests.harness.wire import request

from .report import Outcome

NODES = 3
IN_A_MINUTE = 600
INTERVAL = 0.2
"""Seconds between two rounds of telling."""
OVER = 1.2
"""How many times the limit may be let through."""
AT_ONCE = 12


async def one_limit(server: Server, outcome: Outcome, runs: int, seconds: float) -> Outcome:
    """Everybody comes from one address, for `seconds`, to all nodes by turns; and then to one alone."""
    settings = {
        "rates.address_requests": str(IN_A_MINUTE),
        "rates.nodes": str(NODES),
        "rates.exchange_interval": f"{INTERVAL}s",
    }
    async with cluster(
        server.folder, server.database_url, shared_folder, count=NODES, settings=settings
    ) as nodes:
        for _ in range(runs):
            await _let_through(nodes.nodes, outcome, seconds)
            await _let_through(nodes.nodes[:1], outcome, seconds)
            outcome.runs += 1
    return outcome


async def _let_through(nodes: Sequence[Server], outcome: Outcome, seconds: float) -> None:
    """A minute's limit is a sixth at once and then evenly; so that is the measure for shorter times, too."""
    statuses: Counter[int] = Counter()
    began = time.monotonic()
    await asyncio.gather(*(_ask(nodes, number, began + seconds, statuses) for number in range(AT_ONCE)))
    took = time.monotonic() - began
    wanted = IN_A_MINUTE / 6 + IN_A_MINUTE / 60 * took
    outcome.remarks.append(
        f"{len(nodes)} of {NODES} nodes, {took:.0f} s: {statuses[200]} of {statuses.total()} let through, "
        f"{wanted:.0f} are the limit"
    )
    if statuses[200] > wanted * OVER:
        outcome.broken(
            "rate", f"{statuses[200]} let through by {len(nodes)} nodes, wanted at most {wanted:.0f}"
        )
    # Had a node its share only, a third would be let through of those that come to one alone.
    if statuses[200] < 0.7 * min(IN_A_MINUTE / 60 * took, statuses.total()):
        outcome.broken("rate", f"only {statuses[200]} let through by {len(nodes)} nodes of {wanted:.0f}")
    if set(statuses) - {200, 429}:
        outcome.broken("status", str(dict(statuses)))


async def _ask(nodes: Sequence[Server], number: int, until: float, statuses: Counter[int]) -> None:
    turn = number
    while time.monotonic() < until:
        answer = await request(nodes[turn % len(nodes)].address, "GET", "/api/v1/me")
        statuses[answer.status] += 1
        turn += 1
        # Refusals cost little, and so many of them would only be a load.
        await asyncio.sleep(0.02)
