"""Who is dead, as the locks of a folder say."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tusd_py.liveness import Liveness, new_worker_id


@contextmanager
def another_looks_at(folder: Path, worker: str) -> Iterator[None]:
    """As `is_dead` does, in the same instant."""
    descriptor = os.open(folder / f"{worker}.lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def test_a_dead_worker_is_dead_to_all_who_look_at_once(tmp_path: Path) -> None:
    dead, here = new_worker_id(), Liveness(tmp_path, new_worker_id())
    (tmp_path / f"{dead}.lock").touch()
    with another_looks_at(tmp_path, dead):
        assert here.is_dead(dead)


def test_a_worker_that_lives_is_alive_to_others_and_dead_once_it_let_go(tmp_path: Path) -> None:
    worker = new_worker_id()
    here, there = Liveness(tmp_path, new_worker_id()), Liveness(tmp_path, worker)
    there.open()
    assert not here.is_dead(worker)
    there.close()
    assert here.is_dead(worker)
