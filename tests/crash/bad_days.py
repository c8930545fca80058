"""An object store on bad days, and a program that is killed meanwhile: the right object, or none."""

import asyncio
import random
from contextlib import suppress
from dataclasses import replace

from tests.harness.content import Content
from tests.harness.persist import everything_is_stored, persist, same_as_sent
from tests.harness.server import Server
from tests.harness.tus import TusClient
from tests.services.fault_proxy import FaultProxy
from tests.services.programs import why_missing
from tests.services.seaweedfs import SeaweedMissing, find_program, temporary_store

from .report import Outcome

MIB = 1 << 20
SHARE = 0.3
"""Of the requests to the store that meet a fault."""


def missing() -> str | None:
    """Why there is no store; None when there is one."""
    return why_missing(find_program, SeaweedMissing)


async def bad_days(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Each run is an upload through faults, and every fourth also through kill -9."""
    dice = random.Random(outcome.seed)
    with temporary_store() as store:
        bucket = store.bucket("bad-days")
        proxy = FaultProxy(bucket.endpoint, outcome.seed)
        async with proxy.running() as endpoint:
            chosen = replace(bucket, endpoint=endpoint).settings(s3_retry_within="1s", s3_timeout="5s")
            server.settings = {**server.settings, **chosen, "storage.sweep_interval": "2s"}
            await server.start()
            for run in range(runs):
                content = Content(seed=outcome.seed + run, length=_length(dice))
                try:
                    await _one(server, proxy, dice, content)
                except (AssertionError, TimeoutError) as wrong:
                    outcome.broken("object", f"run {run}, {content.length} bytes: {wrong!r}")
                outcome.runs += 1
    outcome.remarks.append(", ".join(f"{count} {what}" for what, count in proxy.met.most_common(6)))
    return outcome


def _length(dice: random.Random) -> int:
    return dice.choice([1, 70_000, 2 * MIB, 9 * MIB, 17 * MIB]) + dice.randrange(1000)


async def _one(server: Server, proxy: FaultProxy, dice: random.Random, content: Content) -> None:
    client = TusClient(address=server.address)
    proxy.share = SHARE
    sending = asyncio.create_task(persist(client, dice, content))
    if dice.random() < 0.25:
        with suppress(TimeoutError):
            # Not a wait for anything: the moment of the kill is random.
            await asyncio.wait_for(asyncio.shield(sending), dice.uniform(0.02, 1.5))
        await server.kill9()
        # A start needs the store.
        proxy.share = 0.0
        await server.start()
        proxy.share = SHARE
    await sending
    proxy.share = 0.0
    for tracked in client.ledger.uploads.values():
        await client.finish(tracked, step=8 * MIB)
    await everything_is_stored(server, client)
    await same_as_sent(server, client)
    for tracked in client.ledger.uploads.values():
        await client.delete(tracked)
