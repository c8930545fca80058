"""examples/html and examples/react as their readers would have them: on a page elsewhere, a real server."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import BrowserContext, Page, expect

from tests.access.test_keys import make
from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.cutting import CuttingProxy
from tests.harness.ports import free_port
from tests.harness.rows import fetch
from tests.harness.server import ROOT, Server
from web.make_page import find_node

from .visitor import Visitor, browsing, page_reason

pytestmark = pytest.mark.skipif(page_reason() is not None, reason=page_reason() or "")

MIB = 1 << 20
EXAMPLES, PAGE = ROOT / "examples", ROOT / "web"
MODULES = PAGE / "node_modules"


@asynccontextmanager
async def elsewhere(folder: Path, port: int) -> AsyncIterator[str]:
    """Serves a folder at an origin that is not the server's."""
    app = web.Application()

    async def index(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(folder / "index.html")

    async def no_icon(_request: web.Request) -> web.Response:
        return web.Response(status=web.HTTPNoContent.status_code)

    app.router.add_get("/", index)
    app.router.add_get("/favicon.ico", no_icon)
    app.router.add_static("/", folder)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def _open(context: BrowserContext, origin: str) -> Visitor:
    visitor = Visitor(page=await context.new_page(), origin=origin)
    await visitor.enter()
    return visitor


async def _finished(page: Page, server: Server, content: Content) -> None:
    """The link that the page shows gives what was sent, and nothing was begun twice."""
    url = await page.get_by_role("link").first.get_attribute("href") or ""
    found = await download(server.address, "/files/" + url.rpartition("/files/")[2])
    assert found == (200, content.length, content.sha256())
    assert len(await fetch(server, "SELECT id FROM uploads")) == 1


async def test_the_plain_page_uploads_pauses_and_goes_on_after_a_reload(
    server: Server, tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=12 * MIB)
    path = content.write_to(tmp_path / "film.mkv")
    proxy = CuttingProxy(target=server.address, rate=4 * MIB)
    folder = shutil.copytree(EXAMPLES / "html", tmp_path / "site")
    shutil.copy(MODULES / "tus-js-client" / "dist" / "tus.min.js", folder)
    index = folder / "index.html"
    index.write_text(index.read_text("utf-8").replace("http://127.0.0.1:8080", proxy.address.url), "utf-8")
    async with proxy.running(), elsewhere(folder, free_port()) as origin, browsing() as context:
        visitor = await _open(context, origin)
        page = visitor.page
        bar = page.get_by_role("progressbar")
        moved = "(bar) => bar.value > 0.2"

        async def begin() -> None:
            await page.get_by_label("File").set_input_files(path)
            await page.get_by_role("button", name="Upload").click()

        await begin()
        await page.wait_for_function(moved, arg=await bar.element_handle())
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("button", name="Resume")).to_be_visible()
        await page.reload()
        proxy.rate = 0
        await begin()
        await expect(page.get_by_role("link", name="uploaded")).to_be_visible()
        await _finished(page, server, content)
        assert visitor.errors == []
        assert await visitor.accessibility_faults() == []


async def _run(command: list[str], folder: Path, **environ: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, **environ}, stdout=asyncio.subprocess.PIPE, stderr=-2
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def _build(folder: Path, environ: Mapping[str, str], changes: Sequence[tuple[str, str]] = ()) -> Path:
    """examples/react with a copy of our package among its modules, as npm would put it there.

    `changes` are made to its source: what is there, and what stands there instead.
    """
    path = find_node()
    assert path is not None
    npm = shutil.which("npm", path=path) or "npm"
    await _run([npm, "run", "--silent", "component"], PAGE, PATH=path)
    shutil.copytree(EXAMPLES / "react", folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    source = folder / "src" / "main.tsx"
    for before, after in changes:
        text = source.read_text("utf-8")
        assert text.count(before) == 1, f"the example does not say {before} once"
        source.write_text(text.replace(before, after), "utf-8")
    modules = folder / "node_modules"
    modules.mkdir()
    for there in MODULES.iterdir():
        (modules / there.name).symlink_to(there)
    shutil.copytree(PAGE / "dist" / "tusd-py-upload", modules / "tusd-py-upload")
    await _run([npm, "run", "--silent", "build"], folder, PATH=path, **environ)
    return folder / "dist"


async def test_the_component_uploads_from_another_page_with_a_key_that_it_is_given(
    tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=3 * MIB)
    path = content.write_to(tmp_path / "film.mkv")
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    settings = {"access.auth": "key", "cors.allow_origin": origin, "live.allow_origin": origin}
    async with Server(folder=tmp_path, settings=settings) as server:
        folder = await _build(tmp_path / "app", {"VITE_TUSD_PY": server.address.url})
        async with elsewhere(folder, port), browsing() as context:
            visitor = await _open(context, origin)
            page = visitor.page
            heading = page.get_by_role("heading", level=1)
            size = await heading.evaluate("one => getComputedStyle(one).fontSize")
            assert size == "32px", "the component's style reaches beyond it"
            await page.get_by_label("Your key").fill(await make(server, "ann"))
            await page.get_by_role("button", name="Go on").click()
            await expect(page.get_by_text("Drop files")).to_be_visible()
            await visitor.drop(path)
            await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
            await expect(page.get_by_text(f"film.mkv, {content.length} bytes")).to_be_visible()
            # Those lead to views that this page does not have.
            await expect(page.get_by_role("link", name="Show in the library")).to_have_count(0)
            (file,) = await fetch(server, "SELECT owner FROM files")
            assert file["owner"] == "ann"
            assert visitor.errors == []
            assert await visitor.accessibility_faults() == []


_TAKEN_OUT_AND_PUT_BACK = (
    ("  const [needed", "  const [shown, setShown] = useState(true)\n  const [needed"),
    (
        "      <TusUpload\n",
        "<button onClick={() => setShown(!shown)}>Turn</button>{shown && <TusUpload\n",
    ),
    ("      />\n      <h2>", "      />}\n      <h2>"),
)


async def test_the_component_stops_when_it_is_taken_out_and_goes_on_when_it_is_back(
    tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=6 * MIB)
    path = content.write_to(tmp_path / "film.mkv")
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    settings = {"access.auth": "key", "cors.allow_origin": origin, "live.allow_origin": origin}
    async with Server(folder=tmp_path, settings=settings) as server:
        proxy = CuttingProxy(target=server.address, rate=MIB // 2)
        folder = await _build(tmp_path / "app", {"VITE_TUSD_PY": proxy.address.url}, _TAKEN_OUT_AND_PUT_BACK)
        async with proxy.running(), elsewhere(folder, port), browsing() as context:
            visitor = await _open(context, origin)
            turn = visitor.page.get_by_role("button", name="Turn")
            await visitor.page.get_by_label("Your key").fill(await make(server, "ann"))
            await visitor.page.get_by_role("button", name="Go on").click()
            await expect(visitor.page.get_by_text("Drop files")).to_be_visible()
            await visitor.drop(path)
            await visitor.until_percent("film.mkv", 20)
            async with visitor.page.expect_event("requestfailed", lambda sent: sent.method == "PATCH"):
                await turn.click()
            proxy.rate = 0
            await turn.click()
            await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
            await expect(visitor.page.get_by_text(f"film.mkv, {content.length} bytes")).to_be_visible()
            assert visitor.errors == []
        assert len(await fetch(server, "SELECT id FROM uploads")) == 1
