"""The metrics, on a listener of their own: they are for operators, not for clients.

With one worker it runs in the server's process, with several in the supervisor's.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from tusd_py.config.settings import Metrics
from tusd_py.errors import Refused

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BRIEFLY = 1.0


@asynccontextmanager
async def serving_metrics(settings: Metrics, text: Callable[[], bytes]) -> AsyncIterator[str]:
    """Serve `text` while inside; it may read files. Gives the URL, "" if metrics are off. Raises Refused."""
    if not settings.expose_metrics:
        yield ""
        return

    async def metrics(_request: web.Request) -> web.Response:
        body = await asyncio.to_thread(text)
        return web.Response(body=body, headers={"Content-Type": _CONTENT_TYPE, "Cache-Control": "no-store"})

    app = web.Application()
    app.router.add_get(settings.metrics_path, metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_BRIEFLY, keepalive_timeout=75.0)
    await runner.setup()
    try:
        yield await _listen(runner, settings)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: Metrics) -> str:
    site = web.TCPSite(runner, settings.host, settings.port)
    try:
        await site.start()
    except OSError as exc:
        raise Refused(
            f"cannot serve metrics on {settings.host}:{settings.port} ({_reason(exc)})",
            hint="Choose another metrics.port, or set metrics.expose_metrics = false.",
        ) from exc
    return f"{site.name}{settings.metrics_path}"


def _reason(failed: OSError) -> str:
    """asyncio puts more into `strerror` than the system said."""
    # A name that is not found has a number below zero, and a reason of its own.
    return (
        os.strerror(failed.errno)
        if failed.errno is not None and failed.errno > 0
        else str(failed.strerror or failed)
    )
