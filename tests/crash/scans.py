"""Scanning under load and under faults: every verdict right, and nothing served before it.

clamd is the real one. Belongs here: the cases. Not here: files and readers (tests/harness).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from tests.harness.scanned import (
    Readers,
    Sent,
    misjudged,
    reading,
    scanning_settings,
    send,
    send_all,
    share,
    until_proven,
    until_settled,
    verdicts_told,
    waiting_scans,
)
from tests.harness.server import Server, until
from tests.harness.suspects import Suspect, suspects
from tests.services.clamd import ClamdMissing, ClamdServer, find_program, temporary_clamd
from tests.services.clamd_proxy import BAD, ClamdProxy, Fault, faulty_clamd
from tests.services.programs import why_missing
from tusd_py.scanning.specimens import specimens

from .report import Outcome

SETTLED_WITHIN = 60.0
"""Seconds after the last fault."""


def missing() -> str | None:
    """Why these cases cannot run here."""
    return why_missing(find_program, ClamdMissing)


async def mixed_files(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """`runs` files of every kind from 4 clients, while readers try to get them. Measures the settling."""
    with temporary_clamd() as clamd:
        server.settings = {**server.settings, **scanning_settings(clamd.socket)}
        await server.start()
        async with reading(server, outcome.seed) as readers:
            sent = await _send_known(server, suspects(runs, outcome.seed), readers)
            await _settle(server, outcome, sent)
            await _everything_was_read(readers, sent)
        _judge_readers(outcome, readers)
    outcome.runs = runs
    return outcome


async def _everything_was_read(readers: Readers, sent: Sequence[Sent]) -> None:
    """At least 2.5 GETs for each file, and some of them served."""
    wanted = len(sent) * 5 // 2
    await until(lambda: readers.answers >= wanted and readers.served > 0, f"{wanted} GETs", 120)


async def _send_known(server: Server, made: Sequence[Suspect], readers: Readers) -> list[Sent]:
    """Readers know each as soon as it has a URL."""
    waiting = list(made)

    async def client() -> None:
        while waiting:
            sent = await send(server, waiting.pop())
            readers.known.append(sent)
            await share(server, sent)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(client())
    return readers.known


async def _settle(server: Server, outcome: Outcome, sent: Sequence[Sent]) -> None:
    began = asyncio.get_running_loop().time()
    await until_settled(server, SETTLED_WITHIN + 30)
    outcome.measured(asyncio.get_running_loop().time() - began, SETTLED_WITHIN, "settling")
    for wrong in await misjudged(server, sent):
        outcome.broken("I5", wrong)
    told = await verdicts_told(server)
    for one in sent:
        if told.get(one.id) != 1:
            outcome.broken("I4", f"{one.suspect.kind} has {told.get(one.id, 0)} verdict events")


def _judge_readers(outcome: Outcome, readers: Readers) -> None:
    for wrong in readers.wrong:
        outcome.broken("I5", wrong)
    outcome.remarks.append(f"{readers.answers} GETs, {readers.served} served")


# --- faults of clamd


async def broken_scanner(
    server: Server, outcome: Outcome, runs: int, lies: tuple[Fault, ...] = BAD
) -> Outcome:
    """`runs` files while clamd is killed, frozen, restarted and lies. Measures the settling afterwards."""
    with temporary_clamd() as clamd:
        path = str(clamd.folder / "proxy")
        async with faulty_clamd(clamd.socket, path, outcome.seed) as proxy:
            proxy.lies = lies
            server.settings = {
                **server.settings,
                **scanning_settings(path),
                "scan.send_timeout": "2s",
                "scan.verdict_timeout": "2s",
                # So dense are no faults that are not planted.
                "scan.attempts": "1000",
            }
            await server.start()
            await _scan_through_faults(server, clamd, proxy, outcome, runs)
    outcome.runs = runs
    return outcome


async def _scan_through_faults(
    server: Server, clamd: ClamdServer, proxy: ClamdProxy, outcome: Outcome, runs: int
) -> None:
    dice = random.Random(outcome.seed)
    async with reading(server, outcome.seed, readers=2) as readers:
        sending = asyncio.create_task(_send_slowly(server, suspects(runs, outcome.seed), readers))
        # Lies first: a short run may be over before the dice come to them, and then it has shown nothing.
        await _lie(clamd, proxy, dice)
        while not sending.done():
            await dice.choice(_FAULTS)(clamd, proxy, dice)
        # Uploads do not wait for a scanner: a refused one raises here.
        sent = await sending
        proxy.faults = _GOOD
        await _settle(server, outcome, sent)
    _judge_readers(outcome, readers)
    bad = sum(fault in BAD for fault in proxy.done)
    outcome.remarks.append(f"{proxy.streams} streams, {bad} of them broken")


async def _send_slowly(server: Server, made: Sequence[Suspect], readers: Readers) -> list[Sent]:
    """So that the faults have something to hit."""
    for suspect in made:
        readers.known.append(await send(server, suspect))
        await asyncio.sleep(0.05)
    return readers.known


_GOOD = (Fault.NONE, Fault.IN_PIECES)
SPECIMENS = len(list(specimens(1)))
"""Streams that prove a scanner."""

_Break = Callable[[ClamdServer, ClamdProxy, random.Random], Awaitable[None]]


async def _kill(clamd: ClamdServer, _proxy: ClamdProxy, dice: random.Random) -> None:
    clamd.kill()
    await asyncio.sleep(dice.uniform(0, 1))
    await asyncio.to_thread(clamd.start)
    await asyncio.sleep(dice.uniform(0, 1))


async def _freeze(clamd: ClamdServer, _proxy: ClamdProxy, dice: random.Random) -> None:
    clamd.freeze()
    await asyncio.sleep(dice.uniform(0, 3))
    clamd.wake()
    await asyncio.sleep(dice.uniform(0, 1))


async def _restart(clamd: ClamdServer, _proxy: ClamdProxy, dice: random.Random) -> None:
    await asyncio.to_thread(clamd.restart)
    await asyncio.sleep(dice.uniform(0, 1))


async def _lie(_clamd: ClamdServer, proxy: ClamdProxy, dice: random.Random) -> None:
    # Right after so many good streams that the scanner is proven: so that they hit scans.
    for _ in range(5):
        proxy.faults = _GOOD
        await _streams(proxy, SPECIMENS + dice.randrange(4))
        proxy.faults = proxy.lies
        await _streams(proxy, 4)
    proxy.faults = _GOOD


async def _streams(proxy: ClamdProxy, count: int) -> None:
    """Until that many more began, or there is nothing to scan."""
    wanted = proxy.streams + count
    with suppress(TimeoutError):
        async with asyncio.timeout(2):
            while proxy.streams < wanted:
                await asyncio.sleep(0.001)


_FAULTS: Sequence[_Break] = (_kill, _freeze, _restart, _lie, _lie)


# --- faults of ours


async def killed_while_scanning(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """kill -9 of a worker, or of all, whose scans are under way; each is done once more, and told once."""
    dice = random.Random(outcome.seed)
    with temporary_clamd() as clamd:
        server.settings = {**server.settings, **scanning_settings(clamd.socket)}
        await server.start()
        for number in range(runs):
            await _killed_once(server, clamd, outcome, dice, outcome.seed + number)
            outcome.runs += 1
    return outcome


async def _killed_once(
    server: Server, clamd: ClamdServer, outcome: Outcome, dice: random.Random, seed: int
) -> None:
    await until_proven(server)
    clamd.freeze()
    sent = await send_all(server, suspects(11, seed))
    async with asyncio.timeout(20):
        while not any(job["claimed_by"] for job in await waiting_scans(server)):
            await asyncio.sleep(0.01)
    if server.workers > 1 and dice.random() < 0.5:
        await server.kill_worker(dice.choice(server.worker_pids()))
    else:
        await server.kill9()
        await server.start()
    clamd.wake()
    await _settle(server, outcome, sent)
