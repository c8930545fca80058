"""The suite is itself tested: each planted bug must be found by the case that is there for it."""

from functools import partial
from pathlib import Path

import pytest

from tests.harness.server import Server

from . import frozen, trace
from .cases import Run
from .planted import environ
from .report import Outcome

overtaken = partial(frozen.overtaken, frozen_for=1.0)


async def _found(bug: str, case: Run, folder: Path, *, workers: int, runs: int, seed: int) -> str:
    """What the case has to say of a server with that bug."""
    server = Server(folder=folder, workers=workers, environ=environ(bug))
    outcome = Outcome(case=bug, seed=seed)
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
    found = await _found(bug, trace.order_of_calls, tmp_path, workers=1, runs=1, seed=seed)
    assert "before the commit" in found or "without a durable commit" in found, found


async def test_a_worker_that_wakes_shows_a_server_with_no_compare_and_set(tmp_path: Path, seed: int) -> None:
    found = await _found("no compare-and-set", overtaken, tmp_path, workers=2, runs=6, seed=seed)
    assert '"rule": "I' in found, found
