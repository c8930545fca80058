"""Mounting into somebody's aiohttp application.

Nothing is global: every mount has its service, its worker id, its metrics and its settings, so one
application may hold several. Belongs here: the mount, and keeping its service open while the application
runs. Not here: the service (service.py), the callbacks' contract (uploads/callbacks.py).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace

from aiohttp import web

from protocol.errors import Unavailable
from tusd_py.access.identity import ANONYMOUS, Identity
from tusd_py.config.keys import keys
from tusd_py.config.problems import ConfigErrors, Layer, Origin
from tusd_py.config.settings import Settings
from tusd_py.config.validate import fault_of
from tusd_py.errors import Refused
from tusd_py.log import get_logger
from tusd_py.server.cors import CorsPolicy
from tusd_py.server.errors import Seam
from tusd_py.server.expect import expect_handler
from tusd_py.server.health import Readiness, Report
from tusd_py.server.identify import Identify, make_visitors
from tusd_py.server.metrics import Metrics
from tusd_py.server.tus import TusFace
from tusd_py.uploads.callbacks import Authorize, Callbacks, PostFinish, PreCreate, PreFinish
from tusd_py.version import version

from .doubts import warn_of
from .faces import make_tus_face
from .scanning import is_configured
from .service import Service, open_service

log = get_logger("tusd_py")

OPEN_AGAIN_AFTER = 5.0
"""Seconds between attempts to open the service again after it was given up."""


def setup_tus(
    app: web.Application,
    path: str = "/files/",
    *,
    settings: Settings | None = None,
    identify: Identify | None = None,
    authorize: Authorize | None = None,
    pre_create: PreCreate | None = None,
    pre_finish: PreFinish | None = None,
    post_finish: PostFinish | None = None,
) -> "Tus":
    """Serve uploads below `path` of `app`; before it starts, and as often as there are paths.

    The service opens when the application starts and is closed when it is cleaned up. Without `identify` the
    settings say how visitors are known (`access.auth`); where they say nothing, every visitor is the same
    anonymous one, who may read and write whatever anonymous visitors uploaded.
    Raises ConfigErrors for a path that cannot be, Refused for CORS settings that cannot be.
    """
    tus = Tus(
        settings or Settings(),
        identify,
        Callbacks(authorize=authorize, pre_create=pre_create, pre_finish=pre_finish, post_finish=post_finish),
    )
    app.add_subapp(_checked(path), tus._application())  # noqa: SLF001 - its maker
    return tus


class Tus:
    """One mount."""

    def __init__(self, settings: Settings, identify: Identify | None, callbacks: Callbacks) -> None:
        """Made by `setup_tus`."""
        CorsPolicy(settings.cors)  # complains now, not when the application starts
        self.metrics = Metrics(version=version())
        self._settings = settings
        self._identify = identify
        self._callbacks = callbacks
        self._readiness = Readiness()
        self._readiness.add("service", self._is_open)
        if is_configured(settings):
            self._readiness.add("scanner", self._is_scanning, required=False)
        self._serving: _Serving | None = None
        self._leave = asyncio.Event()
        self._drained = False
        self._stopping = False

    async def ready(self) -> Report:
        """For the application's own readiness check: is the service open, do its database and disk answer."""
        report = await self._readiness.report()
        return replace(report, ready=report.ready and not self._readiness.draining)

    def _application(self) -> web.Application:
        inner = web.Application()
        self._root = inner.router.add_resource("")
        self._below = inner.router.add_resource("/{name:.*}")
        for resource in (self._root, self._below):
            # One route for every method: X-HTTP-Method-Override decides later which one is meant.
            resource.add_route("*", self._handle, expect_handler=expect_handler)
        inner.on_response_prepare.append(self._finish)
        inner.cleanup_ctx.append(self._running)
        inner.on_shutdown.append(self._drain)
        return inner

    # --- requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        answering = asyncio.create_task(self._seam.around(request, self._dispatch))
        try:
            return await asyncio.shield(answering)
        except asyncio.CancelledError:
            # Some servers cancel the handlers of clients that left (`handler_cancellation`). The end of the
            # body says the same to ours, which then saves what came. Once all had their time to save, those
            # that are still here are cancelled, too, and look as if their clients had left.
            if self._drained or request.transport is not None:
                answering.cancel()
            await asyncio.wait((answering,))
            raise

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        if self._serving is None:
            raise Unavailable
        return await self._serving.face.handle(request)

    async def _finish(self, request: web.Request, response: web.StreamResponse) -> None:
        await self._seam.finish(request, response)

    # --- the service's life

    async def _running(self, _app: web.Application) -> AsyncIterator[None]:
        # Only now is it known where an application that we were mounted into is mounted itself.
        base_path = self._root.canonical + "/"
        self._settings = replace(self._settings, server=replace(self._settings.server, base_path=base_path))
        self._seam = Seam(self._settings, CorsPolicy(self._settings.cors), self.metrics)
        opened = asyncio.Event()
        # A task of its own: the service may have to be closed and opened again in between.
        keeping = asyncio.create_task(self._keep_open(opened), name=f"tus:{base_path}")
        try:
            await _either(opened, keeping)
            yield
        finally:
            self._stopping = True
            self._leave.set()
            await keeping

    async def _keep_open(self, opened: asyncio.Event) -> None:
        while not self._stopping:
            try:
                await self._open_once(opened)
            except Exception:
                # The application starts only once it was open. From then on whatever fails, also at the end
                # of a life, would leave the mount closed for good.
                if not opened.is_set():
                    raise
                log.exception("service.not_opened", again_after=OPEN_AGAIN_AFTER)
                await self._pause()

    async def _open_once(self, opened: asyncio.Event) -> None:
        """Until we stop, or until the others gave this worker up."""
        self._leave.clear()
        async with open_service(
            self._settings, self.metrics, given_up=self._leave.set, callbacks=self._callbacks
        ) as service:
            warn_of(self._settings)
            face = make_tus_face(self._settings, service, self._identify_by(service))
            self._serving = _Serving(service=service, face=face)
            opened.set()
            try:
                if not self._stopping:
                    await self._leave.wait()
            finally:
                self._serving = None
            if not self._stopping:
                log.critical(
                    "service.given_up", meaning="the other workers buried this one; it is opened anew"
                )

    def _identify_by(self, service: Service) -> Identify:
        if self._identify is not None:
            return self._identify
        if service.authenticator is None:
            return _everybody_is_anonymous
        return make_visitors(self._settings, service.authenticator, self.metrics)

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(OPEN_AGAIN_AFTER):
                await self._leave.wait()

    async def _drain(self, _app: web.Application) -> None:
        self._readiness.draining = True
        if self._serving is not None:
            await self._serving.service.drain(self._settings.timeouts.shutdown / 2)
        self._drained = True

    async def _is_scanning(self) -> None:
        if self._serving is None or self._serving.service.scanning is None:
            raise Unavailable
        await self._serving.service.scanning.is_proven()

    async def _is_open(self) -> None:
        if self._serving is None:
            raise Unavailable
        await self._serving.service.database_answers()
        await self._serving.service.storage_answers()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Serving:
    service: Service
    face: TusFace


async def _either(opened: asyncio.Event, keeping: asyncio.Task[None]) -> None:
    """Wait for the event, or for the task's end without it, which is a failure that it raises."""
    waiting = asyncio.create_task(opened.wait())
    try:
        await asyncio.wait((waiting, keeping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if keeping.done():
        keeping.result()


def _checked(path: str) -> str:
    """The path as aiohttp wants a prefix: without the slash at its end."""
    origin = Origin(layer=Layer.FLAG, name="setup_tus(app, path)")
    problem = fault_of(keys()["server.base_path"], path.rstrip("/") + "/", origin)
    if problem is not None:
        raise ConfigErrors([problem], [])
    if not path.rstrip("/"):
        raise Refused(
            f"setup_tus: the path is {path!r}, wanted one below the application",
            hint='mount at a path such as "/files/", or give us the server (TusRunner)',
        )
    return path.rstrip("/")


async def _everybody_is_anonymous(_request: web.Request) -> Identity:
    return ANONYMOUS
