"""Who is frozen in the write lock, and who only waits for a slow disk."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.harness.server import until
from tusd_py.metadata.write_lock import Holder
from tusd_py.supervisor.frozen import is_frozen, waits_for_disk

_SECOND = 1_000_000_000


def thread(proc: Path, pid: int, number: int, state: str) -> None:
    """As the kernel shows it; the name of a program may be anything."""
    folder = proc / str(pid) / "task" / str(number)
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{number} (a D) (b) {state} 1 2 3 0 -1 4194304")


@pytest.mark.parametrize(("states", "waits"), [("SSS", False), ("SRD", True), ("TTT", False), ("D", True)])
def test_any_thread_may_wait_for_the_disk(tmp_path: Path, states: str, waits: bool) -> None:
    for number, state in enumerate(states, start=7):
        thread(tmp_path, 7, number, state)
    assert waits_for_disk(7, tmp_path) == waits
    assert not waits_for_disk(8, tmp_path), "it is gone"


async def test_a_stopped_process_does_not_wait_for_the_disk() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)")
    try:
        process.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{process.pid}/stat")
        await until(lambda: ") T " in stat.read_text(), "it is stopped", 20)
        assert not waits_for_disk(process.pid)
    finally:
        process.kill()
        await process.wait()


def test_a_thread_that_ends_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "7" / "task" / "6").mkdir(parents=True)
    thread(tmp_path, 7, 8, "D")
    assert waits_for_disk(7, tmp_path)


@pytest.mark.parametrize(
    ("held_for", "seen_for", "still_for", "expected"),
    [
        (0.5, 0.5, 0.5, False),
        (4.0, 3.5, 3.5, True),
        (4.0, 3.5, 1.0, False),  # a look found it waiting for its disk
        (31.0, 30.5, 0.0, True),
        (None, 2.0, 2.0, False),
        (None, 3.0, 3.0, True),  # it has not said since when
        (None, 3.0, 0.5, False),
    ],
)
def test_whoever_waits_for_the_disk_has_longer(
    held_for: float | None, seen_for: float, still_for: float, expected: bool
) -> None:
    since = 0 if held_for is None else time.monotonic_ns() - round(held_for * _SECOND)
    found = is_frozen(Holder(pid=7, held_since_ns=since), seen_for=seen_for, still_for=still_for)
    assert found == expected
