"""kill -9 under load: nothing that was acknowledged is lost, and the server is ready again at once."""

import asyncio
import random

from tests.harness.by_word import client_of
from tests.harness.checker import check_invariants
from tests.harness.ledger import Ledger
from tests.harness.server import Server

from .load import Load
from .report import Outcome

READY_WITHIN = 3.0
FINISHED_WITHIN = 120.0


async def kill_under_load(
    server: Server, outcome: Outcome, runs: int, ready_within: float = READY_WITHIN
) -> Outcome:
    """Measures how long the server takes to be ready again."""
    dice = random.Random(outcome.seed)
    # The sweep runs all the time, so that it meets writers.
    server.settings = {**server.settings, "storage.sweep_interval": "1s"}
    await server.start()
    async with Load(address=server.address, seed=outcome.seed) as load:
        for _ in range(runs):
            # Not a wait for anything: the moment of the kill is random.
            await asyncio.sleep(dice.uniform(0.05, 1.5))
            await _kill(server, load, dice)
            outcome.measured(await server.ready(), ready_within, "ready after kill -9")
            await load.quiet()
            await check_invariants(load.ledger, server)
            await _forget_verified(load.ledger, server)
            outcome.runs += 1
            load.go_on()
        await load.quiet()
        await everything_finishes(load.ledger, server)
    every = load.ledger.uploads.values()
    outcome.remarks.append(f"{len(every)} uploads, {sum(one.by_word for one in every)} by the IETF draft")
    return outcome


async def _kill(server: Server, load: Load, dice: random.Random) -> None:
    """All of it; or, half of the time where there are several, one worker."""
    pids = server.worker_pids()
    if len(pids) > 1 and dice.random() < 0.5:
        await server.kill_worker(dice.choice(pids))
        return
    await server.kill9()
    load.hold()
    server.spawn()


async def _forget_verified(ledger: Ledger, server: Server) -> None:
    """Delete what was compared whole, so that a long run needs little disk."""
    for tracked in ledger.uploads.values():
        if tracked.verified and not tracked.deleted:
            await client_of(tracked, server.address, ledger).delete(tracked)


async def everything_finishes(ledger: Ledger, server: Server) -> None:
    """Liveness: when the faults have stopped, every upload can be finished, and its bytes are right."""
    async with asyncio.timeout(FINISHED_WITHIN):
        for tracked in ledger.uploads.values():
            if not tracked.deleted:
                await client_of(tracked, server.address, ledger).finish(tracked, step=16 << 20)
    await check_invariants(ledger, server)
