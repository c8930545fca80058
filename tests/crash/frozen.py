"""A worker that is stopped in mid-body, overtaken, and woken: it can neither commit nor spoil anything.

Belongs here: SIGSTOP of one worker. Not here: kills, and power cuts, which freeze the whole program.
"""

import asyncio
import contextlib
import os
import random
import signal
import time
from pathlib import Path

from tests.harness.checker import check_invariants
from tests.harness.content import Content
from tests.harness.ledger import Tracked
from tests.harness.server import Server, until
from tests.harness.tus import Hanging, Plan, TusClient
from tests.harness.wire import NoAnswer

from .report import Outcome

MIB = 1 << 20
LOCK_FREE_WITHIN = 4.0
GIVE_UP_AFTER = 40.0
ACCEPTED_WITHIN = 10.0


async def overtaken(server: Server, outcome: Outcome, runs: int, frozen_for: float) -> Outcome:
    """Needs two workers. Measures from the HEAD that overtakes to its answer."""
    dice = random.Random(outcome.seed)
    client = TusClient(address=server.address)
    await server.start()
    for _ in range(runs):
        await _overtake_once(server, client, dice, outcome, frozen_for)
        outcome.runs += 1
    await check_invariants(client.ledger, server)
    return outcome


async def _overtake_once(
    server: Server, client: TusClient, dice: random.Random, outcome: Outcome, frozen_for: float
) -> None:
    content = Content(seed=dice.randrange(1 << 32), length=24 * MIB)
    tracked = await client.create(content)
    reach = dice.randint(MIB, 20 * MIB)
    hanging = await client.patch_hanging(tracked, Plan(start=0, stop=content.length, reach=reach))
    holder = await _worker_of(server, hanging.connection.local_port)
    os.kill(holder, signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        await client.offset(tracked)
        outcome.seconds.append(time.monotonic() - stopped)
        await go_on(client, tracked, dice)
        # The time of the freeze is what is tried here.
        await asyncio.sleep(max(0.0, frozen_for - (time.monotonic() - stopped)))
    finally:
        _wake(holder)
    await hear_the_late_one(hanging, outcome)
    await check_invariants(client.ledger, server)
    await client.finish(tracked, step=5 * MIB)
    await check_invariants(client.ledger, server)


async def go_on(client: TusClient, tracked: Tracked, dice: random.Random) -> None:
    """Half of the time to the end: a frozen writer may wake to an open upload or to a stored one."""
    if dice.random() < 0.5:
        await client.finish(tracked, step=5 * MIB)
        return
    start = await client.offset(tracked)
    await client.patch(tracked, Plan.whole(start, min(start + MIB, tracked.content.length)))


async def hear_the_late_one(hanging: Hanging, outcome: Outcome) -> None:
    """Whoever was overtaken names no offset."""
    try:
        answer = await hanging.answer()
    except NoAnswer:
        return
    finally:
        await hanging.connection.close()
    if answer.offset is not None and answer.status < 300:
        outcome.broken("I2", f"an overtaken PATCH was answered {answer.status} with offset {answer.offset}")


async def frozen_in_lock(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Needs SQLite and two workers. Measures until another worker can write again."""
    client = TusClient(address=server.address)
    await server.start()
    for _ in range(runs):
        stuck, began = await _freeze_inside_lock(server)
        try:
            async with asyncio.timeout(GIVE_UP_AFTER):
                await _create_somehow(client)
        except TimeoutError:
            outcome.broken("time", f"after {GIVE_UP_AFTER} s still nobody else can write")
        finally:
            _wake(stuck)
        outcome.measured(time.monotonic() - began, LOCK_FREE_WITHIN, "a worker frozen in the database lock")
        await until(lambda: len(server.worker_pids()) >= server.workers, "all workers are there", 30.0)
        outcome.runs += 1
    await check_invariants(client.ledger, server)
    return outcome


async def _freeze_inside_lock(server: Server) -> tuple[int, float]:
    """Stop workers at random moments until one holds the lock; which, and since when."""
    caught = asyncio.Event()
    async with asyncio.timeout(60.0), asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(_create_until(caught, server))
        while True:
            for pid in server.worker_pids():
                # One may have ended since they were listed: a worker, or what a start needs for a moment.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                    if _holds_write_lock(pid, server.data):
                        caught.set()
                        return pid, time.monotonic()
                    os.kill(pid, signal.SIGCONT)
                await asyncio.sleep(0.003)


async def _create_until(caught: asyncio.Event, server: Server) -> None:
    """Commits for their own sake; they are thousands, and nobody looks at them again."""
    while not caught.is_set():
        await _created(TusClient(address=server.address))


async def _create_somehow(client: TusClient) -> None:
    """A commit by whichever worker takes the connection; one that is frozen does not answer."""
    while not await _created(client):
        pass


async def _created(client: TusClient) -> bool:
    try:
        async with asyncio.timeout(5.0):
            await client.create(Content(seed=1, length=1), body=Plan.whole(0, 1))
    except (OSError, TimeoutError):
        return False
    return True


def _holds_write_lock(pid: int, data: Path) -> bool:
    """Whether /proc/locks names `pid` as the holder of the lock that writers of SQLite take."""
    inodes = {path.stat().st_ino for path in data.rglob("*.db.lock")}
    for line in Path("/proc/locks").read_text().splitlines():
        # "1: FLOCK  ADVISORY  WRITE 708 00:13:17182 0 EOF"; who waits has "->" as its second word
        words = line.split()
        if words[1] == "FLOCK" and int(words[4]) == pid and int(words[5].rsplit(":", 1)[1]) in inodes:
            return True
    return False


async def _worker_of(server: Server, client_port: int) -> int:
    """The worker that holds the server's end of the connection from `client_port`.

    Until one has accepted it, the kernel takes the bytes, and all that was sent may fit there.
    """
    holders: list[int] = []

    def accepted() -> bool:
        inode = _inode_of(server.address.port, client_port)
        holders.extend(pid for pid in server.worker_pids() if _has_socket(pid, inode))
        return bool(holders)

    await until(accepted, "a worker takes the connection", ACCEPTED_WITHIN)
    return holders[0]


def _has_socket(pid: int, inode: str) -> bool:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        # One that was closed meanwhile is not the one we look for.
        with contextlib.suppress(FileNotFoundError):
            if str(descriptor.readlink()) == f"socket:[{inode}]":
                return True
    return False


def _inode_of(server_port: int, client_port: int) -> str:
    ends = f":{server_port:04X}", f":{client_port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1].endswith(ends[0]) and words[2].endswith(ends[1]):
            return words[9]
    raise AssertionError("no such connection")


def _wake(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return  # the supervisor has given it up
