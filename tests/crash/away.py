"""A store that is away for a while, under load: clients hear so, wait, and go on where they were.

Belongs here: a long outage. Not here: single faults (bad_days.py).
"""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from itertools import cycle, islice

from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.ledger import Ledger, Tracked
from tests.harness.server import Server
from tests.harness.tus import Plan, Refused, TusClient
from tests.harness.wire import NoAnswer, request
from tests.services.fault_proxy import Fault, FaultProxy

from .report import Outcome
from .stores import bucket

MIB = 1 << 20
CLIENTS = 8
LENGTH = 96 * MIB
MOST_CALLS = 20.0
"""Requests to a store that is away, in a second, of all uploads together."""
MOST_CPU = 0.5
"""Of a core, meanwhile."""
RESUMED_WITHIN = 120.0
_WAYS = (Fault.SLOW_DOWN, Fault.SILENCE, Fault.CUT)


async def away(server: Server, outcome: Outcome, runs: int, seconds: float) -> Outcome:
    """Measures, after the store is back, until every upload is stored."""
    async with bucket() as found:
        proxy = FaultProxy(found.endpoint, outcome.seed)
        async with proxy.running() as endpoint:
            chosen = replace(found, endpoint=endpoint).settings(s3_retry_within="5s", s3_timeout="5s")
            server.settings = {**server.settings, **chosen}
            await server.start()
            try:
                for way in islice(cycle(_WAYS), runs):
                    await _away_once(server, proxy, outcome, way, seconds)
                    outcome.runs += 1
            finally:
                await server.stop()
    return outcome


async def _away_once(server: Server, proxy: FaultProxy, outcome: Outcome, way: Fault, seconds: float) -> None:
    ledger, heard = Ledger(), Counter[str]()
    seed = outcome.seed + 100 * outcome.runs
    contents = [Content(seed=seed + number, length=LENGTH) for number in range(CLIENTS)]
    tracked = [await TusClient(address=server.address, ledger=ledger).create(each) for each in contents]
    async with asyncio.TaskGroup() as group:
        for one in tracked:
            group.create_task(_patiently(TusClient(address=server.address, ledger=ledger), one, heard))
        async with asyncio.timeout(RESUMED_WITHIN):
            while sum(one.acked for one in tracked) < LENGTH:
                await asyncio.sleep(0.05)
        proxy.away = way
        calls, cpu, began = proxy.calls, server.cpu_seconds(), time.monotonic()
        # The time of the outage is what is tried here.
        await asyncio.sleep(seconds)
        await _says_so(server, outcome)
        took = time.monotonic() - began
        calls, cpu = proxy.calls - calls, server.cpu_seconds() - cpu
        proxy.away = None
        back = time.monotonic()
    await _all_stored(server, ledger)
    outcome.seconds.append(time.monotonic() - back)
    if calls / took > MOST_CALLS:
        outcome.broken("spin", f"{way.value}: {calls / took:.1f} requests a second to a store that is away")
    if cpu / took > MOST_CPU:
        outcome.broken("spin", f"{way.value}: {cpu / took:.2f} cores while the store is away")
    if not heard["PATCH 503"]:
        outcome.broken("I7", f"{way.value}: nobody was told 503: {heard}")
    outcome.violations += ledger.violations
    if server.first_traceback:
        outcome.broken("log", server.first_traceback)
    outcome.remarks.append(
        f"{way.value}, {took:.0f} s: {heard['PATCH 503']} x 503, {calls / took:.1f} calls/s to the store, "
        f"{cpu / took:.2f} cores"
    )


async def _patiently(client: TusClient, tracked: Tracked, heard: Counter[str]) -> None:
    """As clients do that obey Retry-After. The ledger compares every offset that is told."""
    while not tracked.finished:
        try:
            start = await client.offset(tracked)
            if start == tracked.content.length:
                return
            answer = await client.patch(tracked, Plan.whole(start, tracked.content.length))
        except (Refused, NoAnswer, ConnectionError, TimeoutError) as failed:
            heard[type(failed).__name__] += 1
            await asyncio.sleep(0.5)
            continue
        heard[f"PATCH {answer.status}"] += 1
        if answer.status != 204:
            await asyncio.sleep(float(answer.headers.get("retry-after", "0.5")))


async def _says_so(server: Server, outcome: Outcome) -> None:
    """Probes must hear it, too."""
    answer = await request(server.address, "GET", "/readyz")
    if answer.status != 503:
        outcome.broken("I7", f"/readyz says {answer.status} while the store is away")


async def _all_stored(server: Server, ledger: Ledger) -> None:
    client = TusClient(address=server.address, ledger=ledger)
    async with asyncio.timeout(RESUMED_WITHIN):
        for tracked in ledger.uploads.values():
            wanted = 200, tracked.content.length, tracked.content.sha256()
            while (found := await download(server.address, tracked.target)) != wanted:
                assert found[0] != 200, f"{tracked.target} is not what was sent"
                await asyncio.sleep(0.2)
            await client.delete(tracked)
