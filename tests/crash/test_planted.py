"""The suite is itself tested: each planted bug must be found by the case that is there for it."""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.harness.server import Server
from tests.harness.tus import Refused
from tests.services.clamd_proxy import HANGS_UP

from . import frozen, power, scans, trace
from .planted import environ
from .report import Outcome

overtaken = partial(frozen.overtaken, runs=6, frozen_for=1.0)

pytestmark = pytest.mark.timeout(600)

ATTEMPTS = 6
"""Cases roll dice and race against the server: one that shows nothing proves nothing, six do."""

Bounded = Callable[[Server, Outcome], Awaitable[Outcome]]
"""A case with the number of its runs."""


async def _until_found(
    case: Bounded, server: Callable[[Path], Server], folder: Path, seed: int, signs: Sequence[str]
) -> None:
    """The case on new servers, with other dice each time, until it tells one of the signs."""
    told: list[str] = []
    for attempt in range(ATTEMPTS):
        own = folder / str(attempt)
        own.mkdir()
        told.append(await _told(case, server(own), seed + attempt))
        if any(sign in told[-1] for sign in signs):
            return
    pytest.fail(f"not found: {told}")


async def _told(case: Bounded, server: Server, seed: int) -> str:
    """What the case has to say of that server."""
    outcome = Outcome(case="planted", seed=seed)
    try:
        await case(server, outcome)
    except (
        AssertionError,
        sqlite3.DatabaseError,
        OSError,
        Refused,
    ) as broken:  # there may be no database any more
        told = [f"{type(broken).__module__}.{type(broken).__name__}: {broken}"]
    else:
        told = []
    finally:
        await server.stop()
    return "\n".join([*told, *(violation.as_line() for violation in outcome.violations)])


@pytest.mark.skipif(trace.missing() is not None, reason=trace.missing() or "")
@pytest.mark.parametrize(
    "bug", ["acknowledge before commit", "release before the thread ends", "no directory sync"]
)
async def test_a_trace_shows_a_server_that_would(bug: str, tmp_path: Path, seed: int) -> None:
    # Bytes that a thread writes after everything else may also be missed by the next request.
    signs = ("before the commit", "without a durable commit", "a client could not go on")
    planted = partial(_planted, bug)
    await _until_found(partial(trace.order_of_calls, runs=1), planted, tmp_path, seed, signs)


async def test_a_worker_that_wakes_shows_a_server_with_no_compare_and_set(tmp_path: Path, seed: int) -> None:
    planted = partial(_planted, "no compare-and-set", workers=2)
    await _until_found(overtaken, planted, tmp_path, seed, ('"rule": "I',))


@pytest.mark.skipif(power.missing() is not None, reason=power.missing() or "")
async def test_a_power_cut_shows_a_server_that_does_not_sync(tmp_path: Path, seed: int) -> None:
    def unsynced(folder: Path) -> Server:
        # What durability "process" does, and does not promise to survive.
        return Server(folder=folder, settings={"storage.durability": "process"})

    # The kernel may have written everything by itself just before a cut.
    signs = ('"rule": "I1"', '"rule": "I2"', "sqlite3.OperationalError", "sqlite3.DatabaseError")
    await _until_found(partial(power.cut_sqlite, runs=3), unsynced, tmp_path, seed, signs)


@pytest.mark.skipif(scans.missing() is not None, reason=scans.missing() or "")
@pytest.mark.parametrize(
    ("bug", "case"),
    [
        ("unscanned is served", partial(scans.mixed_files, runs=22)),
        ("no answer is clean", partial(scans.broken_scanner, runs=60, lies=HANGS_UP)),
    ],
    ids=["unscanned is served", "no answer is clean"],
)
async def test_readers_show_a_server_that_opens_files_too_early(
    bug: str, case: Bounded, tmp_path: Path, seed: int
) -> None:
    await _until_found(case, partial(_planted, bug), tmp_path, seed, ('"rule": "I5"',))


def _planted(bug: str, folder: Path, workers: int = 1) -> Server:
    return Server(folder=folder, workers=workers, environ=environ(bug))
