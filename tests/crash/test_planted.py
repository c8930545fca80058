"""The suite is itself tested: each planted bug must be found by the case that is there for it."""

from functools import partial
from pathlib import Path

import pytest

from tests.harness.server import Server

from . import frozen, power, scans, trace
from .cases import Run
from .planted import environ
from .report import Outcome

overtaken = partial(frozen.overtaken, frozen_for=1.0)


async def _found(server: Server, case: Run, runs: int, seed: int) -> str:
    """What the case has to say of that server."""
    outcome = Outcome(case="planted", seed=seed)
    try:
        await case(server, outcome, runs)
    except AssertionError as broken:
        return str(broken)
    finally:
        await server.stop()
    return "\n".join(violation.as_line() for violation in outcome.violations)


@pytest.mark.skipif(trace.missing() is not None, reason=trace.missing() or "")
@pytest.mark.parametrize(
    "bug", ["acknowledge before commit", "release before the thread ends", "no directory sync"]
)
async def test_a_trace_shows_a_server_that_would(bug: str, tmp_path: Path, seed: int) -> None:
    found = await _found(Server(folder=tmp_path, environ=environ(bug)), trace.order_of_calls, 1, seed)
    # Bytes that a thread writes after everything else may also be missed by the next request.
    seen = ("before the commit", "without a durable commit", "a client could not go on")
    assert any(words in found for words in seen), found


async def test_a_worker_that_wakes_shows_a_server_with_no_compare_and_set(tmp_path: Path, seed: int) -> None:
    server = Server(folder=tmp_path, workers=2, environ=environ("no compare-and-set"))
    found = await _found(server, overtaken, 6, seed)
    assert '"rule": "I' in found, found


@pytest.mark.skipif(power.missing() is not None, reason=power.missing() or "")
async def test_a_power_cut_shows_a_server_that_does_not_sync(tmp_path: Path, seed: int) -> None:
    # What durability "process" does, and does not promise to survive.
    server = Server(folder=tmp_path, settings={"storage.durability": "process"})
    found = ""
    for attempt in range(3):
        # The kernel may have written everything by itself just before a cut.
        found = await _found(server, power.cut_sqlite, 3, seed + attempt)
        if '"rule": "I1"' in found or '"rule": "I2"' in found:
            return
    pytest.fail(f"not found: {found}")


@pytest.mark.skipif(scans.missing() is not None, reason=scans.missing() or "")
@pytest.mark.parametrize(
    ("bug", "case", "runs"),
    [
        ("unscanned is served", scans.mixed_files, 22),
        ("no answer is clean", scans.broken_scanner, 80),
    ],
)
async def test_readers_show_a_server_that_opens_files_too_early(
    bug: str, case: Run, runs: int, tmp_path: Path, seed: int
) -> None:
    found = await _found(Server(folder=tmp_path, environ=environ(bug)), case, runs, seed)
    assert '"rule": "I5"' in found, found
