"""The supervisor with real processes; only what the workers serve is made up."""

import asyncio
import os
import pickle
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.harness.ports import free_port
from tests.harness.server import until

from .tiny import settings_with

ROOT = Path(__file__).parents[2]
SUPERVISING = """
import pickle, sys
from functools import partial
from pathlib import Path
from tests.integration import fake_worker
from tusd_py.supervisor import run_supervisor
settings = pickle.load(sys.stdin.buffer)
lock = Path(settings.storage.upload_dir) / "tusd.db.lock"
sys.exit(run_supervisor(settings, partial(fake_worker.serve, settings), write_lock=lock))
"""


@dataclass(kw_only=True)
class Running:
    """A supervisor, its port and its folder."""

    process: asyncio.subprocess.Process
    folder: Path
    port: int
    notified: socket.socket

    def starts(self) -> list[tuple[int, int]]:
        """(index, pid) of every worker that was started."""
        path = self.folder / "starts"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(line.split()[0]), int(line.split()[1])) for line in lines]

    def pids(self) -> list[int]:
        return [pid for _, pid in self.starts()]

    def files(self) -> list[str]:
        return [entry.name for entry in self.folder.iterdir()]

    def has_started(self, count: int) -> bool:
        return len(self.starts()) >= count

    async def answered_by(self) -> int:
        """The pid of the worker that took a new connection."""
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            pid = int(await reader.read())
            writer.close()
            await writer.wait_closed()
            return pid

    async def said(self) -> str:
        async with asyncio.timeout(15):
            return (await asyncio.get_running_loop().sock_recv(self.notified, 100)).decode()

    async def ended(self, within: float = 15.0) -> int:
        async with asyncio.timeout(within):
            return await self.process.wait()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


def open_files(pid: int) -> set[str]:
    """What its descriptors are open on."""
    return {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}


def is_alive(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@asynccontextmanager
async def supervising(folder: Path, order: str = "", *, shutdown: float = 5.0) -> AsyncIterator[Running]:
    (folder / "order").write_text(order)
    port = free_port()
    settings = settings_with(
        server={"workers": 2, "port": port},
        storage={"upload_dir": str(folder)},
        timeouts={"shutdown": shutdown},
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(folder / "notify"))
        notified.setblocking(False)
        (folder / "settings").write_bytes(pickle.dumps(settings))
        with (folder / "log").open("wb") as log, (folder / "settings").open("rb") as given:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                SUPERVISING,
                cwd=ROOT,
                env=os.environ | {"NOTIFY_SOCKET": str(folder / "notify"), "TMPDIR": str(folder)},
                stdin=given,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        running = Running(process=process, folder=folder, port=port, notified=notified)
        try:
            yield running
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def ready(running: Running) -> None:
    try:
        assert await running.said() == "READY=1"
    except TimeoutError:
        raise AssertionError(running.log) from None


async def test_workers_serve_and_end_cleanly(tmp_path: Path) -> None:
    async with supervising(tmp_path) as running:
        await ready(running)
        assert sorted(index for index, _ in running.starts()) == [0, 1]
        assert await running.answered_by() in {pid for _, pid in running.starts()}
        running.process.terminate()
        assert await running.said() == "STOPPING=1"
        assert await running.ended() == 0
        assert (tmp_path / "clean").read_text() == "xx"
        assert not any("metrics" in name for name in running.files())
        assert not any(map(is_alive, running.pids()))


async def test_a_killed_worker_is_replaced_and_no_connection_is_refused(
    tmp_path: Path,
) -> None:
    async with supervising(tmp_path) as running:
        await ready(running)
        for started in (2, 3):
            os.kill(next(filter(is_alive, running.pids())), signal.SIGKILL)
            await until(partial(running.has_started, started + 1), "a new worker", 20)
            assert is_alive(await running.answered_by())
        running.process.terminate()
        assert await running.ended() == 0


@pytest.mark.parametrize("order", ["freeze", "freeze early"])
async def test_a_worker_frozen_in_the_write_lock_is_killed(tmp_path: Path, order: str) -> None:
    async with supervising(tmp_path, order) as running:
        began = time.monotonic()
        await ready(running)
        frozen = next(pid for index, pid in running.starts() if index == 1)
        await until(lambda: not is_alive(frozen), "the frozen worker is killed", 20)
        assert time.monotonic() - began > 1
        await until(lambda: len(running.starts()) == 3, "a new worker", 20)
        await until(lambda: "worker.frozen" in running.log, "the log says so", 20)
        running.process.terminate()
        assert await running.ended() == 0


async def test_a_worker_that_never_starts_ends_it_with_a_clear_word(tmp_path: Path) -> None:
    async with supervising(tmp_path, "fail") as running:
        assert await running.ended() == 1
        assert len(running.starts()) == 5
        assert "ended 5 times before it was ready, last with exit 1" in running.log


async def test_a_worker_that_refuses_its_settings_is_tried_once(tmp_path: Path) -> None:
    async with supervising(tmp_path, "refuse") as running:
        assert await running.ended() == 2
        assert len(running.starts()) == 1


async def test_workers_that_do_not_end_are_killed_when_their_time_is_over(tmp_path: Path) -> None:
    async with supervising(tmp_path, "deaf", shutdown=0.5) as running:
        await ready(running)
        began = time.monotonic()
        running.process.terminate()
        assert await running.ended() == 1
        assert time.monotonic() - began < 30
        assert not any(map(is_alive, running.pids()))


async def test_a_second_signal_ends_it_now(tmp_path: Path) -> None:
    async with supervising(tmp_path, "deaf", shutdown=60.0) as running:
        await ready(running)
        running.process.send_signal(signal.SIGINT)
        assert await running.said() == "STOPPING=1"
        running.process.send_signal(signal.SIGINT)
        assert await running.ended(30) == 1


async def test_interrupting_the_whole_group_is_a_clean_stop(tmp_path: Path) -> None:
    async with supervising(tmp_path) as running:
        await ready(running)
        os.killpg(running.process.pid, signal.SIGINT)
        assert await running.ended() == 0
        assert (tmp_path / "clean").read_text() == "xx"


async def test_workers_hold_nothing_of_their_supervisor_but_what_they_listen_on(tmp_path: Path) -> None:
    async with supervising(tmp_path) as running:
        await ready(running)
        parents = open_files(running.process.pid)
        listening = {target for target in parents if target.startswith("socket:")}
        for pid in running.pids():
            shared = parents & open_files(pid)
            # What it listens on, the log, and nothing as standard input.
            assert len(shared & listening) == 1
            assert shared - listening <= {str(tmp_path / "log"), os.devnull}


async def test_a_stop_while_a_worker_starts_is_one_stop(tmp_path: Path) -> None:
    async with supervising(tmp_path, "slow", shutdown=60.0) as running:
        await until(lambda: running.has_started(1), "a worker begins to start", 10)
        os.kill(running.pids()[0], signal.SIGTERM)
        await until(lambda: running.has_started(2), "another one does, as the first was killed", 10)
        running.process.terminate()
        assert await running.ended() == 0
        assert "supervisor.kills" not in running.log


@pytest.mark.parametrize(("order", "clean"), [("", True), ("deaf", False)])
async def test_workers_do_not_outlive_their_supervisor(tmp_path: Path, order: str, clean: bool) -> None:
    async with supervising(tmp_path, order, shutdown=5.0 if clean else 0.5) as running:
        await ready(running)
        running.process.kill()
        await running.ended()
        await until(lambda: not any(map(is_alive, running.pids())), "all workers are gone", 20)
        assert (tmp_path / "clean").exists() == clean
