"""A page of another origin, and the browser that shows it.

Belongs here: bundling, serving, starting Chromium. Not here: what the page does (node/page.js).
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from playwright.async_api import Browser, async_playwright

from tests.clients.foreign import PROJECT
from tests.harness.content import Content

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # As root, which is how CI runs; the pages are our own.
    "--no-sandbox",
)


_shared: dict[asyncio.AbstractEventLoop, Browser] = {}
"""By the only loop in which one can be talked to."""


def browser_reason() -> str | None:
    """Why no browser test can run here; None when they can."""
    if CHROMIUM is None:
        return "chromium is not installed"
    if not (PROJECT / "node_modules" / "esbuild").is_dir():
        return "tests/clients/node is not set up: make setup"
    return None


async def bundle(folder: Path) -> Path:
    """node/page.js and all that it imports, as one script."""
    script = folder / "page.js"
    process = await asyncio.create_subprocess_exec(
        str(PROJECT / "node_modules" / ".bin" / "esbuild"),
        str(PROJECT / "page.js"),
        "--bundle",
        "--format=iife",
        f"--outfile={script}",
        "--log-level=error",
        cwd=PROJECT,
    )
    assert await process.wait() == 0
    return script


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Headless, and nothing in it is anybody else's: what was opened in it is closed at the end."""
    shared = _shared.get(asyncio.get_running_loop())
    if shared is None or not shared.is_connected():
        async with _launched() as browser:
            yield browser
        return
    try:
        yield shared
    finally:
        for context in shared.contexts:
            await context.close()


@asynccontextmanager
async def one_for_all() -> AsyncIterator[None]:
    """Inside, all who ask for Chromium in this event loop get the same one, by turns."""
    async with _launched() as browser:
        loop = asyncio.get_running_loop()
        _shared[loop] = browser
        try:
            yield
        finally:
            del _shared[loop]


@asynccontextmanager
async def _launched() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def site(script: Path, contents: dict[str, Content]) -> AsyncIterator[str]:
    """The URL of a page with the script; `contents` are served beside it, by name."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><script src=/page.js></script>", content_type="text/html")

    async def code(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(script)

    async def content(request: web.Request) -> web.Response:
        wanted = contents[request.match_info["name"]]
        return web.Response(body=wanted.read(0, wanted.length))

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/page.js", code)
    app.router.add_get("/content/{name}", content)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
