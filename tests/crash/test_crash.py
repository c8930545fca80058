"""A slice of the crash suite: every case, a few times. `make crash` runs them long."""

from pathlib import Path

import pytest

from tests.services.postgres import PostgresServer

from .cases import CASES, Case, Place, perform
from .report import Outcome

SLICE = [case for case in CASES if case.slice]
WITH_POSTGRES = [case for case in SLICE if case.postgres]
WITHOUT = [case for case in SLICE if not case.postgres]


async def _holds(case: Case, place: Place, seed: int) -> None:
    if reason := case.missing():
        pytest.skip(reason)
    outcome = Outcome(case=case.name, seed=seed)
    await perform(case, case.slice_run or case.run, place, outcome, case.slice)
    outcome.verify()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", WITHOUT, ids=lambda case: case.name)
async def test_no_promise_is_broken_by(case: Case, tmp_path: Path, seed: int) -> None:
    await _holds(case, Place(folder=tmp_path), seed)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", WITH_POSTGRES, ids=lambda case: case.name)
async def test_no_promise_is_broken_on_postgres_by(
    case: Case, tmp_path: Path, seed: int, postgres_server: PostgresServer
) -> None:
    await _holds(case, Place(folder=tmp_path, postgres=postgres_server), seed)
