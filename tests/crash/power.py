"""Power cuts: what the disks held at one instant, mounted and served by a second server.

Data folder and database lie on ext4 in files of their own. The program (and Postgres) is frozen, the
backing files are copied twice, and the cut counts only if both copies are equal: then they are one
instant. What had not been synced is in the page cache above the loop devices, and so not in the copies.
Needs root.

Belongs here: the cuts and their judgement. Not here: loop devices (disks.py) and kills (kills.py), where
the page cache survives.
"""

import asyncio
import copy
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from tests.harness.checker import OTHER_DEVICE, check_invariants
from tests.harness.rows import change
from tests.harness.server import Server

from .disks import Disks, Mounted, OnPostgres, OnSqlite, Rows, missing, mounted, new_disks
from .load import Load
from .report import Outcome

RECOVERED_WITHIN = 5.0
# Copied disks are mounted on the machine that goes on, whose boot id would say that the first server lives.
_BOOTED_AGAIN = "UPDATE workers SET host = 'an-earlier-boot/-/1:1', alive_until = 0"
TRIES = 10
"""Cuts that are thrown away because something was still being written, before that is an error."""

__all__ = ["cut_postgres", "cut_sqlite", "missing"]


async def cut_sqlite(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Takes only the settings of `server`. Measures how long the second server takes to be ready."""
    return await _cut_power(OnSqlite, server.settings, outcome, runs)


async def cut_postgres(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Takes only the settings of `server`. Measures how long the second server takes to be ready."""
    return await _cut_power(OnPostgres, server.settings, outcome, runs)


async def _cut_power(rows: type[Rows], settings: Mapping[str, str], outcome: Outcome, runs: int) -> Outcome:
    dice = random.Random(outcome.seed)
    with _folder() as folder:
        disks = new_disks(folder)
        with mounted(disks, folder / "first") as at, rows(at.database, fresh=True) as database:
            server = _server(at, database)
            server.settings = settings
            async with server, Load(address=server.address, seed=outcome.seed, largest=16 << 20) as load:
                for number in range(runs):
                    # Not a wait for anything: the moment of the cut is random.
                    await asyncio.sleep(dice.uniform(0.2, 2.0))
                    async with _instant(server, database, disks, folder / f"cut{number}") as copies:
                        await _check_copies(copies, rows, load, outcome)
                    outcome.runs += 1
    return outcome


@contextmanager
def _folder() -> Iterator[Path]:
    """One that also the user of Postgres may enter."""
    folder = Path(tempfile.mkdtemp(prefix="tusd-py-power-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _server(at: Mounted, database: Rows) -> Server:
    return Server(folder=at.folder, upload_dir=at.data / "uploads", database_url=database.url)


@asynccontextmanager
async def _instant(server: Server, database: Rows, disks: Disks, folder: Path) -> AsyncIterator[Disks]:
    """Copies of what the disks hold at one instant; server and database are frozen meanwhile."""
    for number in range(TRIES):
        attempt = folder.with_name(f"{folder.name}.{number}")
        attempt.mkdir()
        server.freeze()
        database.freeze()
        try:
            copies = await asyncio.to_thread(disks.copied_to, attempt / "a")
            again = await asyncio.to_thread(disks.copied_to, attempt / "b")
            if await asyncio.to_thread(copies.same_as, again):
                yield copies
                return
        finally:
            database.wake()
            server.wake()
            shutil.rmtree(attempt)
        await asyncio.sleep(0.5)  # let the kernel's own write-back get on
    raise AssertionError(f"the disks were written to while the server was frozen, {TRIES} times")


async def _check_copies(copies: Disks, rows: type[Rows], load: Load, outcome: Outcome) -> None:
    """Recover the copies, serve them, and hold them against what was told before the cut."""
    ledger = copy.deepcopy(load.ledger)
    with mounted(copies, copies.data.parent / "second") as at, rows(at.database, fresh=False) as database:
        second = _server(at, database)
        await change(second, _BOOTED_AGAIN)
        async with second as server:
            outcome.measured(server.ready_seconds[-1], RECOVERED_WITHIN, "recovery after a power cut")
            try:
                await check_invariants(ledger, server, tolerated=OTHER_DEVICE)
            finally:
                outcome.violations += ledger.violations
