"""Two processes that saturate one SQLite database with small commits: neither may starve.

Belongs here: how long the slowest commits take. Not here: who holds the lock and dies (frozen.py).
"""

import asyncio
import sys

from tests.harness.server import ROOT, Server

from .report import Outcome

AT_MOST = 0.050
"""Seconds for 99 of 100 commits."""


async def saturate(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Measures the 99th percentile of the commits of each process in each run."""
    path = server.folder / "contention" / "tusd.db"
    path.parent.mkdir(parents=True)
    for _ in range(runs):
        commits = 0
        for count, slowest in await asyncio.gather(*(_process(str(path)) for _ in range(2))):
            commits += count
            outcome.measured(slowest, AT_MOST, "the slowest 1 % of commits")
        outcome.remarks = [f"{commits * 8 // 2} commits/s in the last run"]
        outcome.runs += 1
    return outcome


async def _process(path: str) -> tuple[int, float]:
    """Rounds of eight commits in two seconds, and their 99th percentile in seconds."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.contract.database_process", "sqlite", path, "saturate"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    count, milliseconds = said.split()
    return int(count), float(milliseconds) / 1000
