"""The supervisor: one process that serves nobody and keeps the workers going.

It opens the listening sockets once, so that connections wait instead of failing while a worker is
restarted; it serves the metrics of all; it ends when it is told to, and the workers with it. Workers are
forks of it.

Belongs here: when workers start and stop. Not here: what a worker does (worker.py, assemble).
"""

import asyncio
import gc
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from tusd_py.config.settings import Settings
from tusd_py.log import get_logger
from tusd_py.server.metrics import forget_worker, text_of_all
from tusd_py.server.metrics_listener import serving_metrics
from tusd_py.server.sockets import open_sockets

from .child import Child, ended_by, start_child
from .frozen import watch_write_lock
from .notify import READY, STOPPING, notify
from .worker import EXIT_REFUSED, HANDLED, Recipe, Work

log = get_logger("tusd_py.supervisor")

_MOST_FALSE_STARTS = 5
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_STEADY = 10.0
"""Seconds after which a worker counts as having worked: its successor starts at once."""


class GaveUp(Exception):
    """The workers do not start. `code` is what the supervisor should end with."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def run_supervisor(
    settings: Settings,
    work: Work,
    *,
    write_lock: Path | None = None,
    announce: Callable[[list[socket.socket]], None] | None = None,
) -> int:
    """Have settings.server.workers processes do `work` until a signal ends them.

    The exit code: 0 after a clean stop. `write_lock` is the lock file of SQLite's writers, if it is used.
    `announce` is called once, with what we listen on, when every worker serves. Raises Refused if we cannot
    listen.
    """
    listening = open_sockets(settings.server, backlog=settings.limits.backlog, environ=os.environ)
    try:
        with tempfile.TemporaryDirectory(prefix="tusd-py-metrics-") as folder:
            recipe = Recipe(
                work=work,
                sockets=listening.sockets,
                metrics_folder=folder,
                patience=settings.timeouts.shutdown,
            )
            supervisor = Supervisor(settings, recipe)
            if announce is not None:
                supervisor.when_ready = partial(announce, listening.sockets)
            _share_memory()
            return asyncio.run(supervisor.run(write_lock))
    finally:
        listening.close()


def _share_memory() -> None:
    """The collector writes to whatever it looks at, and pages that are written are shared no more."""
    gc.collect()
    gc.freeze()


class Supervisor:
    """The workers, by number, and whether we are stopping."""

    def __init__(self, settings: Settings, recipe: Recipe) -> None:
        self._settings = settings
        self._recipe = recipe
        self._children: dict[int, Child] = {}
        self._stopping = asyncio.Event()
        self._killed = False
        self._time_limit: asyncio.TimerHandle | None = None
        self.when_ready: Callable[[], None] | None = None

    async def run(self, write_lock: Path | None) -> int:
        """Until a signal, or until we give up. The exit code."""
        self._catch_signals()
        async with serving_metrics(self._settings.metrics, lambda: text_of_all(self._recipe.metrics_folder)):
            return await self._supervise(write_lock)

    async def _supervise(self, write_lock: Path | None) -> int:
        watching = asyncio.create_task(watch_write_lock(write_lock, self._child)) if write_lock else None
        gave_up: list[GaveUp] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                ready = asyncio.Event()
                tasks.create_task(self._keep(0, ready))
                tasks.create_task(self._start_others(ready, tasks))
                tasks.create_task(self._end_when_told())
        except* GaveUp as group:
            gave_up.extend(reason for reason in group.exceptions if isinstance(reason, GaveUp))
        finally:
            if watching is not None:
                watching.cancel()
            if self._time_limit is not None:
                self._time_limit.cancel()
        if gave_up:
            log.error("supervisor.gave_up", reason=str(gave_up[0]))
            return gave_up[0].code
        return 1 if self._killed else 0

    async def _start_others(self, first_ready: asyncio.Event, workers: asyncio.TaskGroup) -> None:
        """The first worker goes ahead: it brings the schema up to date, and a bad setting is said once."""
        await _either(first_ready, self._stopping)
        starting = [asyncio.Event() for _ in range(1, self._settings.server.workers)]
        for index, ready in enumerate(starting, start=1):
            workers.create_task(self._keep(index, ready))
        for ready in starting:
            await _either(ready, self._stopping)
        if not self._stopping.is_set():
            log.info("supervisor.ready", workers=self._settings.server.workers)
            notify(READY, os.environ)
            if self.when_ready is not None:
                self.when_ready()

    async def _keep(self, index: int, ready: asyncio.Event) -> None:
        """Have one worker running until we stop. Sets `ready` when it first serves. Raises GaveUp."""
        pause = 0.0
        false_starts = 0
        while not await self._stops_within(pause):
            began = asyncio.get_running_loop().time()
            code = await self._one_life(index, ready)
            if self._stopping.is_set():
                return
            if not ready.is_set():
                false_starts += 1
                _check_worth_trying(index, code, false_starts)
            steady = asyncio.get_running_loop().time() - began > _STEADY
            pause = 0.0 if steady else min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)

    async def _one_life(self, index: int, ready: asyncio.Event) -> int:
        """A worker from its start to its end, which is told unless we wanted it. The exit code."""
        try:
            child = start_child(self._recipe, index)
        except OSError as failure:  # no memory, or as many processes as there may be: that may pass
            log.error("worker.not_started", worker=index, reason=str(failure))  # noqa: TRY400 - no fault of ours
            return 1
        code = await self._attend(child, index, ready)
        if not self._stopping.is_set():
            log.error("worker.died", worker=index, pid=child.pid, how=ended_by(code))
        return code

    async def _attend(self, child: Child, index: int, ready: asyncio.Event) -> int:
        """From its start to its end, however that comes. The exit code."""
        self._children[child.pid] = child
        try:
            # A stop may have come while it was being started.
            if self._stopping.is_set():
                child.signal(signal.SIGTERM)
            if await child.ready():
                log.info("worker.ready", worker=index, pid=child.pid)
                ready.set()
            return await child.ended()
        except asyncio.CancelledError:
            # Another worker made us give up.
            child.signal(signal.SIGKILL)
            await child.ended()
            raise
        finally:
            del self._children[child.pid]
            forget_worker(child.pid, self._recipe.metrics_folder)

    async def _end_when_told(self) -> None:
        """Ask the workers to end, and make them when their time is over."""
        await self._stopping.wait()
        notify(STOPPING, os.environ)
        self._signal_all(signal.SIGTERM)
        patience = self._settings.timeouts.shutdown
        self._time_limit = asyncio.get_running_loop().call_later(patience, self._kill_now)

    def _catch_signals(self) -> None:
        # Whoever started us may have it ignored; then the kernel would forget how workers ended.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        loop = asyncio.get_running_loop()
        for number in HANDLED:
            loop.add_signal_handler(number, self._signalled, number)

    def _signalled(self, number: signal.Signals) -> None:
        if self._stopping.is_set():
            # The second signal: whoever sends it does not want to wait.
            self._kill_now()
            return
        log.info("supervisor.stopping", signal=number.name)
        self._stopping.set()

    def _kill_now(self) -> None:
        if not self._children:
            return
        log.error("supervisor.kills", pids=sorted(self._children))
        self._killed = True
        self._signal_all(signal.SIGKILL)

    def _signal_all(self, number: signal.Signals) -> None:
        for child in list(self._children.values()):
            child.signal(number)

    def _child(self, pid: int) -> Child | None:
        return self._children.get(pid)

    async def _stops_within(self, seconds: float) -> bool:
        if seconds:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._stopping.wait()
        return self._stopping.is_set()


def _check_worth_trying(index: int, code: int, false_starts: int) -> None:
    """Raises GaveUp for a worker that never served and will not."""
    if code == EXIT_REFUSED:
        raise GaveUp("a worker refused the settings; its message is above", EXIT_REFUSED)
    if false_starts >= _MOST_FALSE_STARTS:
        raise GaveUp(
            f"worker {index} ended {false_starts} times before it was ready, last with {ended_by(code)}", 1
        )


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    waiting = [asyncio.create_task(one.wait()), asyncio.create_task(other.wait())]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
