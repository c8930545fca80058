"""Serving: one worker's process from start to exit, and the supervisor where there are several.

Belongs here: signals, the event loop, draining. Not here: the service (service.py), routes (app.py).
"""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial

from storage_backends.base import StorageError
from tusd_py.config.effective import Sources
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.log import configure, get_logger
from tusd_py.metadata.database import DatabaseError
from tusd_py.metadata.full_disk import told_when_full
from tusd_py.metadata.write_lock import lock_path
from tusd_py.server.greeting import greet
from tusd_py.server.health import Readiness
from tusd_py.server.identify import listens_locally
from tusd_py.server.metrics import Metrics
from tusd_py.server.metrics_listener import serving_metrics
from tusd_py.server.runner import TusRunner
from tusd_py.server.sockets import open_sockets
from tusd_py.server.tls import tls_context
from tusd_py.supervisor.notify import READY, STOPPING, notify
from tusd_py.version import version

from .app import make_app
from .doubts import warn_of
from .parts import make_s3, sqlite_path
from .service import Service, open_service
from .tools import bring_up_to_date

log = get_logger("tusd_py")

YOUNG = 150, 2, 3000
"""Objects made, and not yet freed, between two looks for cycles among them; such looks between two that take
their survivors, too; and of these between two that take everything. Nobody is answered meanwhile. Each object
that stays is looked at twice, whatever the first two are: small ones cost no more, but what they cost comes
in small pieces. Where 250 connections a second were opened and closed, looks of 5 to 60 ms came twice a
second with 2000, 5, and now one in some seconds takes over 5 ms. Everything takes a third of a second where
there are 15,000 connections. Python's defaults (700, 10, 10) cost more in all.
"""
FAILED = 1
"""Exit status of a worker whose database or storage failed, mostly while it started; another is started."""
BURIED = 70
"""Exit status of a worker that the others gave up; the supervisor starts another."""


def serve(settings: Settings, sources: Sources | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status. Raises Refused.

    `sources` says where the settings came from, for operators who look at them.
    """
    known = sources or {}
    configure(settings.log)
    tls_context(settings.server)  # each worker loads its own; what cannot be loaded is said before they start
    if settings.server.workers > 1:
        from tusd_py.supervisor import run_supervisor  # noqa: PLC0415 - a single worker needs none

        # Before there is a worker: a long migration holds the write lock, for which workers get killed.
        asyncio.run(bring_up_to_date(settings, migrate=settings.database.migrate))
        _import_for_workers(settings)
        database = sqlite_path(settings)
        return run_supervisor(
            settings,
            partial(run_worker, settings, known),
            write_lock=None if database is None else lock_path(database),
            announce=partial(greet, settings),
        )
    listening = open_sockets(settings.server, backlog=settings.limits.backlog, environ=os.environ)
    try:
        metrics = Metrics(version=version())

        def ready() -> None:
            notify(READY, os.environ)
            greet(settings, listening.sockets)

        async def alone() -> int:
            stopping = asyncio.Event()
            _stop_or_exit_on_signals(stopping)
            async with serving_metrics(settings.metrics, metrics.text):
                return await _serve(settings, listening.sockets, metrics, ready, stopping, sources=known)

        with told_when_full():
            return _run(settings, alone())
    finally:
        listening.close()


def work(settings: Settings) -> int:
    """Do jobs, scans and rounds beside the processes that serve, until SIGTERM or SIGINT. Raises Refused."""
    configure(settings.log)
    if settings.storage.backend == "memory":
        raise Refused("there is nothing to do: storage.backend is memory, which other processes do not see")
    metrics = Metrics(version=version())

    async def working() -> int:
        stopping = asyncio.Event()
        _stop_or_exit_on_signals(stopping)
        async with serving_metrics(settings.metrics, metrics.text):
            return await _work(settings, metrics, stopping)

    with told_when_full():
        return _run(settings, working())


async def _work(settings: Settings, metrics: Metrics, stopping: asyncio.Event) -> int:
    was_buried = False

    def bury() -> None:
        nonlocal was_buried
        was_buried = True
        stopping.set()

    async with open_service(settings, metrics, given_up=bury, scans_here=True):
        warn_of(settings)
        notify(READY, os.environ)
        log.info("work.started")
        await stopping.wait()
        log.info("service.stopping")
        notify(STOPPING, os.environ)
    return BURIED if was_buried else 0


def run_worker(
    settings: Settings, sources: Sources, sockets: list[socket.socket], ready: Callable[[], None], index: int
) -> int:
    """One of several workers; the supervisor opened the sockets and serves the metrics."""
    configure(settings.log, worker_index=index)
    metrics = Metrics(version=version())

    async def supervised() -> int:
        stopping = asyncio.Event()
        # systemd signals the whole group, and then the supervisor signals us again: that is one stop.
        _stop_on_signals(stopping)
        return await _serve(settings, sockets, metrics, ready, stopping, sources=sources)

    try:
        return _run(settings, supervised())
    except (DatabaseError, StorageError) as problem:
        # Refused would end all of them, and the next one may find it working again.
        log.error("worker.failed", reason=str(problem))  # noqa: TRY400 - where it happened helps nobody
        return FAILED


def _run(settings: Settings, main: Coroutine[None, None, int]) -> int:
    with asyncio.Runner(loop_factory=_loop_factory(settings.server.event_loop)) as runner:
        return runner.run(main)


def _import_for_workers(settings: Settings) -> None:
    """What each of them would: imported before they are forked, it is in memory once. Raises Refused."""
    _loop_factory(settings.server.event_loop)
    if settings.storage.backend == "s3":
        make_s3(settings)


def _loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if name == "asyncio":
        return None
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ModuleNotFoundError:
        if name == "uvloop":
            raise Refused(
                'server.event_loop is "uvloop", which is not installed', hint="pip install uvloop"
            ) from None
        return None
    return uvloop.new_event_loop


async def _serve(
    settings: Settings,
    sockets: list[socket.socket],
    metrics: Metrics,
    ready: Callable[[], None],
    stopping: asyncio.Event,
    *,
    sources: Sources,
) -> int:
    was_buried = False

    def bury() -> None:
        nonlocal was_buried
        was_buried = True
        stopping.set()

    readiness = Readiness()
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(open_service(settings, metrics, given_up=bury))
        warn_of(settings)
        if not settings.access.auth and listens_locally(settings):
            log.warning("auth.off", meaning="every visitor from this machine is the admin")
        app = make_app(settings, service, metrics, readiness, sources=sources)
        runner = TusRunner(
            app, settings=settings, opened=metrics.opened, closed=metrics.closed, refused=metrics.turned_away
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await runner.listen(sockets)
        _spare_the_collector()
        ready()
        await stopping.wait()
        await _drain(settings, service, runner, readiness)
    return BURIED if was_buried else 0


def _spare_the_collector() -> None:
    """What is there now stays, and requests make few cycles: looking for them seldom saves a fortieth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*YOUNG)


async def _drain(settings: Settings, service: Service, runner: TusRunner, readiness: Readiness) -> None:
    """Every writer saves what it has and answers; nothing new begins."""
    log.info("service.stopping")
    notify(STOPPING, os.environ)
    readiness.draining = True
    runner.stop_listening()
    await service.drain(settings.timeouts.shutdown / 2)


def _stop_on_signals(stopping: asyncio.Event) -> None:
    """SIGTERM and SIGINT drain."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)


def _stop_or_exit_on_signals(stopping: asyncio.Event) -> None:
    """The same, and a second signal exits at once; what is not saved then was not acknowledged."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            sys.stderr.flush()
            os._exit(1)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
