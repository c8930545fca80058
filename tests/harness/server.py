"""The real program as a subprocess.

Belongs here: start, faults by signal, restart on the same folder, the log. Not here: what it answers.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from .ports import free_port
from .wire import Address, request

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN = 60.0
POLL = 0.01


class DidNotHappen(AssertionError):
    """What was waited for did not come in time."""


async def until(condition: Callable[[], bool], what: str, within: float) -> float:
    """Wait for `condition`; seconds that it took. Raises DidNotHappen."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > within:
            raise DidNotHappen(f"not within {within} s: {what}")
        await asyncio.sleep(POLL)
    return time.monotonic() - began


@dataclass(kw_only=True)
class Server:
    """One instance; several may share a database and a folder where the product allows it."""

    folder: Path
    """Holds `data` (the upload folder) and the log."""
    upload_dir: Path | None = None
    """Somewhere else than `folder / "data"`."""
    database_url: str = ""
    """Empty is SQLite inside the upload folder."""
    workers: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    """More settings, by the names of the configuration file: {"uploads.checkpoint_bytes": "1MiB"}."""
    launcher: tuple[str, ...] = ("-m", "tusd_py")
    wrapper: tuple[str, ...] = ()
    """A command that starts the program, such as strace."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """More environment variables."""
    address: Address = field(default_factory=lambda: Address("127.0.0.1", free_port()))
    ready_seconds: list[float] = field(default_factory=list)
    """How long each start took."""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.upload_dir or self.folder / "data"

    @property
    def files_url(self) -> str:
        return f"{self.address.url}/files/"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise DidNotHappen("the server was not started")
        return self._process

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def command(self, verb: str, *arguments: str) -> list[str]:
        """The program with this server's settings."""
        settings = {
            "storage.upload_dir": str(self.data),
            "storage.free_space_floor": "0",
            "database.url": self.database_url,
            "metrics.expose_metrics": "false",
            **self.settings,
        }
        chosen = [f"--set={name}={value}" for name, value in settings.items() if value]
        return [sys.executable, *self.launcher, verb, *arguments, *chosen]

    def spawn(self) -> None:
        """Start without waiting."""
        self.data.mkdir(parents=True, exist_ok=True)
        listen = ("--host", self.address.host, "--port", str(self.address.port))
        workers = f"--set=server.workers={self.workers}"
        command = [*self.wrapper, *self.command("serve", *listen, workers)]
        with (self.folder / "log").open("ab") as log:
            # A session of its own, so that one signal reaches the supervisor and its workers.
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environ},
                start_new_session=True,
            )

    async def start(self) -> Self:
        self.spawn()
        await self.ready()
        return self

    async def ready(self, within: float = READY_WITHIN) -> float:
        """Seconds until /readyz said 200. Raises DidNotHappen with the log."""
        began = time.monotonic()
        while not await self._is_ready():
            if not self.running or time.monotonic() - began > within:
                raise DidNotHappen(f"the server is not ready; exit {self.process.poll()}; log:\n{self.log}")
            await asyncio.sleep(POLL)
        self.ready_seconds.append(time.monotonic() - began)
        return self.ready_seconds[-1]

    async def _is_ready(self) -> bool:
        try:
            return (await request(self.address, "GET", "/readyz")).status == 200
        except OSError:
            return False

    async def kill9(self) -> None:
        """SIGKILL to the supervisor and all workers at once."""
        self._signal_all(signal.SIGKILL)
        await self._ended()

    async def kill_worker(self, pid: int) -> None:
        """SIGKILL to one worker; wait until the supervisor has started another."""
        before = set(self.worker_pids())
        os.kill(pid, signal.SIGKILL)
        await until(lambda: len(set(self.worker_pids()) - {pid}) >= len(before), "a new worker", READY_WITHIN)

    async def terminate(self, within: float = 30.0) -> tuple[int, float]:
        """SIGTERM to the program; its exit code and the seconds it took."""
        began = time.monotonic()
        self.process.terminate()
        code = await self._ended(within)
        return code, time.monotonic() - began

    async def stop(self) -> None:
        """End it, however; for the end of a test."""
        if self._process is None:
            return
        if self.running:
            self.wake()
            self._ask_to_end()
            try:
                await self._ended(within=15.0)
            except DidNotHappen:
                await self.kill9()
        self._signal_all(signal.SIGKILL)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def freeze(self) -> None:
        """SIGSTOP everything."""
        self._signal_all(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal_all(signal.SIGCONT)

    def worker_pids(self) -> list[int]:
        """The processes that serve: the children, or the program itself where it has none."""
        return descendants(self.process.pid) or [self.process.pid]

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def first_traceback(self) -> str:
        """The line of the log with it, and what was logged before; "" where there is none."""
        before, found, after = self.log.partition("Traceback")
        return f"{before[-2000:]}{found}{after[:3000]}" if found else ""

    def memory_peak(self) -> int:
        """The largest resident set that any worker ever had, in bytes."""
        return max(_status_bytes(pid, "VmHWM") for pid in self.worker_pids())

    def cpu_seconds(self) -> float:
        """What those that serve have used since they began."""
        return sum(_cpu_of(pid) for pid in self.worker_pids())

    def _ask_to_end(self) -> None:
        # A tracer that started the program takes no SIGTERM while that runs (-I in strace(1)).
        if self.wrapper:
            self._signal_all(signal.SIGTERM)
        else:
            self.process.terminate()

    def _signal_all(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return

    async def _ended(self, within: float = 15.0) -> int:
        await until(lambda: self.process.poll() is not None, "the program ended", within)
        return int(self.process.returncode)


def descendants(pid: int) -> list[int]:
    """Children and their children, of every thread of `pid`."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended meanwhile
            for child in (int(number) for number in task.read_text().split()):
                found += [child, *descendants(child)]
    return found


def pss_bytes(pids: Iterable[int]) -> int:
    """The memory of all these, what they share counted once; those that have ended count nothing."""
    return sum(_sizes_of(pid, "smaps_rollup").get("Pss", 0) for pid in pids)


def _sizes_of(pid: int, file: str) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    found = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): int(number) * 1024 for name, number, _ in found}


def _status_bytes(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


def _cpu_of(pid: int) -> float:
    # The name may hold blanks and parentheses (proc_pid_stat(5)); user and system follow as 14th and 15th.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
