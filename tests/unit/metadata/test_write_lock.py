"""The lock that writers of SQLite take in turn."""

import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from tusd_py.metadata import write_lock
from tusd_py.metadata.write_lock import WriteLock, holder, lock_path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "tusd.db"


def test_nobody_holds_a_lock_that_was_never_made(database: Path) -> None:
    assert holder(lock_path(database)) is None


def test_the_holder_is_named_only_while_it_holds(database: Path) -> None:
    lock = WriteLock(database)
    before = time.monotonic_ns()
    with lock.held():
        found = holder(lock_path(database))
        assert found is not None
        assert found.pid == os.getpid()
        assert before <= found.held_since_ns <= time.monotonic_ns()
    assert holder(lock_path(database)) is None
    lock.close()


def test_the_mark_of_a_dead_holder_is_not_believed(database: Path) -> None:
    lock_path(database).write_bytes((12345).to_bytes(8, "little") * 2)
    assert holder(lock_path(database)) is None


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux says who holds a lock")
@pytest.mark.parametrize("mark", [b"", bytes(16), (12345).to_bytes(8, "little") * 2])
def test_a_holder_that_has_not_said_so_yet_is_named_by_the_kernel(database: Path, mark: bytes) -> None:
    lock_path(database).write_bytes(mark)
    with lock_path(database).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert holder(lock_path(database)) == (os.getpid(), 0)
    assert holder(lock_path(database)) is None


@pytest.mark.parametrize("is_marked", [True, False])
def test_whoever_locks_a_file_of_the_same_number_on_another_disk_is_not_accused(
    database: Path, monkeypatch: pytest.MonkeyPatch, is_marked: bool
) -> None:
    monkeypatch.setattr(write_lock, "_pids_by_kernel", lambda _inode: [1, os.getpid()])
    lock = WriteLock(database)
    with lock.held():
        if not is_marked:
            lock_path(database).write_bytes(bytes(16))
        found = holder(lock_path(database))
        assert (found.pid if found else None) == (os.getpid() if is_marked else None)
    lock.close()


def test_the_lock_is_let_go_when_what_it_guards_fails(database: Path) -> None:
    lock = WriteLock(database)
    with pytest.raises(LookupError), lock.held():
        raise LookupError
    with lock.held():
        assert holder(lock_path(database)) is not None
    lock.close()


def test_a_second_writer_waits(database: Path) -> None:
    first, second = WriteLock(database), WriteLock(database)
    order: list[str] = []

    def wait() -> None:
        with second.held():
            order.append("second")

    waiting = threading.Thread(target=wait)
    with first.held():
        waiting.start()
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
    first.close()
    second.close()


def test_a_child_does_not_inherit_the_lock(database: Path) -> None:
    lock = WriteLock(database)
    assert not os.get_inheritable(lock._lock)
    lock.close()
