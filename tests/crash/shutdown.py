"""SIGTERM with requests in flight: exit in time, with code 0, and what had arrived is kept."""

import asyncio
import random
from functools import partial
from pathlib import Path

from tests.harness.checker import check_invariants
from tests.harness.content import Content
from tests.harness.server import Server, until
from tests.harness.tus import Hanging, Plan, TusClient
from tests.harness.wire import NoAnswer

from .report import Outcome

EXIT_WITHIN = 10.0
ESTABLISHED = "01"
"""In /proc/net/tcp."""
LOST_AT_MOST = 256 << 10
"""Bytes of one body, all of it read by the server, that it may forget."""


async def terminate_in_flight(server: Server, outcome: Outcome, runs: int, patches: int = 50) -> Outcome:
    """Measures from SIGTERM to exit."""
    dice = random.Random(outcome.seed)
    client = TusClient(address=server.address)
    for _ in range(runs):
        await server.start()
        bodies = await asyncio.gather(*(_half_sent(client, dice.randrange(1 << 32)) for _ in range(patches)))
        await until(partial(_all_read, server), "the server has read what was sent", 30.0)
        heard = [asyncio.create_task(_last_words(client, hanging, outcome)) for hanging in bodies]
        code, seconds = await server.terminate()
        await asyncio.gather(*heard)
        outcome.measured(seconds, EXIT_WITHIN, f"exit with {patches} PATCHes in flight")
        if code != 0:
            outcome.broken("exit", f"exit code {code}")
        await server.start()
        await _nothing_sent_is_lost(client, outcome)
        await check_invariants(client.ledger, server)
        await server.terminate()
        client = TusClient(address=server.address)
        outcome.runs += 1
    return outcome


async def _half_sent(client: TusClient, seed: int) -> Hanging:
    content = Content(seed=seed, length=2 << 20)
    tracked = await client.create(content)
    return await client.patch_hanging(tracked, Plan(start=0, stop=content.length, reach=1 << 20))


def _all_read(server: Server) -> bool:
    """Nothing waits in the receive queues of the server's connections."""
    own = f":{server.address.port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        waiting = words[4].partition(":")
        if words[1].endswith(own) and words[3] == ESTABLISHED and int(waiting[2], 16):
            return False
        if words[2].endswith(own) and words[3] == ESTABLISHED and int(waiting[0], 16):
            return False
    return True


async def _last_words(client: TusClient, hanging: Hanging, outcome: Outcome) -> None:
    """503 with Retry-After, or nothing at all."""
    try:
        answer = await hanging.answer()
    except NoAnswer:
        outcome.remarks[:] = ["some PATCHes were cut without an answer"]
        return
    finally:
        await hanging.connection.close()
    client.ledger.heard(answer, "PATCH")
    if answer.status != 503:
        outcome.broken("status", f"SIGTERM answered a running PATCH with {answer.status}")


async def _nothing_sent_is_lost(client: TusClient, outcome: Outcome) -> None:
    for tracked in client.ledger.uploads.values():
        offset = await client.offset(tracked)
        if tracked.sent - offset > LOST_AT_MOST:
            outcome.broken("kept", f"{tracked.sent - offset} bytes that were sent are to be sent again")
        await client.finish(tracked, step=1 << 20)
