"""Your application on our server: every limit and deadline of `[server]`, `[limits]` and `[timeouts]` holds.

python -m examples.own_server --port 8080 --folder ./uploads
"""

import argparse
import asyncio
import signal

from aiohttp import web

from tusd_py import Settings, TusRunner, load_settings, setup_tus


async def hello(_request: web.Request) -> web.Response:
    """A page of the application."""
    return web.Response(text="hello\n")


async def serve(settings: Settings) -> None:
    """Until SIGTERM or SIGINT; uploads under way are saved before we stop."""
    app = web.Application()
    app.router.add_get("/", hello)
    tus = setup_tus(app, "/files/", settings=settings)
    runner = TusRunner(app, settings=settings, opened=tus.metrics.opened, closed=tus.metrics.closed)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        await runner.start()
        await stopping.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--folder", default="./uploads")
    chosen = parser.parse_args()
    asyncio.run(
        serve(load_settings({"server.port": chosen.port, "storage.upload_dir": chosen.folder})),
    )
