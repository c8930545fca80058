"""tus-js-client and Uppy in Chromium, from a page of another origin: real preflights, real cuts."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Error as BrowserError
from playwright.async_api import Page

from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.cutting import CuttingProxy
from tests.harness.rows import fetch
from tests.harness.server import Server
from tests.harness.wire import request

from .pages import browser_reason, bundle, chromium, site

MIB = 1 << 20
RESUMABLE = ("Tus-Resumable", "1.0.0")

pytestmark = pytest.mark.skipif(browser_reason() is not None, reason=browser_reason() or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A page that is open."""

    page: Page
    origin: str
    contents: Mapping[str, Content]

    async def send(self, **options: object) -> dict[str, Any]:
        """See node/page.js."""
        found: dict[str, Any] = await self.page.evaluate("options => window.send(options)", options)
        return found

    async def send_with_uppy(self, **options: object) -> dict[str, Any]:
        """See node/page.js."""
        found: dict[str, Any] = await self.page.evaluate("options => window.sendWithUppy(options)", options)
        return found


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(bundle(tmp_path_factory.mktemp("page")))


@asynccontextmanager
async def visiting(script: Path, **contents: Content) -> AsyncIterator[Visit]:
    async with site(script, contents) as url, chromium() as browser:
        page = await browser.new_page()
        await page.goto(url)
        yield Visit(page=page, origin=url.rstrip("/"), contents=contents)


async def _arrived(server: Server, url: str, content: Content) -> bool:
    target = "/files/" + url.rpartition("/files/")[2]
    return await download(server.address, target) == (200, content.length, content.sha256())


async def _count(server: Server) -> int:
    return int((await fetch(server, "SELECT count(*) AS number FROM uploads"))[0]["number"])


WAYS: Mapping[str, Mapping[str, object]] = {
    "one body": {},
    "chunks": {"chunkSize": 4 * MIB},
    "data in the creation": {"uploadDataDuringCreation": True},
    "POST instead of PATCH": {"overridePatchMethod": True},
    "four side by side": {"parallelUploads": 4},
}


async def test_every_way_of_sending_arrives_through_cuts(server: Server, script: Path, seed: int) -> None:
    content = Content(seed=seed, length=40 * MIB)
    async with visiting(script, big=content) as visit:
        for way, options in WAYS.items():
            proxy = CuttingProxy(target=server.address, cuts=[5 * MIB, 20 * MIB, 33 * MIB])
            async with proxy.running():
                sent = await visit.send(
                    path="/content/big", endpoint=f"{proxy.address.url}/files/", resume=False, **options
                )
            assert proxy.done == 3, way
            assert await _arrived(server, sent["url"], content), way


async def test_a_page_of_another_origin_can_read_what_it_needs(
    server: Server, script: Path, seed: int
) -> None:
    async with visiting(script, small=Content(seed=seed, length=MIB)) as visit:
        sent = await visit.send(path="/content/small", endpoint=server.files_url, chunkSize=MIB // 2)
        assert set(sent["headers"]) >= {"Location", "Upload-Offset", "Upload-Expires", "Tus-Resumable"}
        assert sent["headers"]["X-Request-ID"]
        assert sent["statuses"] == [201, 204, 204]
        offset = await visit.page.evaluate("url => window.offset(url)", sent["url"])
        assert offset == {"status": 200, "offset": str(MIB)}


async def test_an_upload_goes_on_after_the_page_was_loaded_again(
    server: Server, script: Path, seed: int
) -> None:
    content = Content(seed=seed, length=8 * MIB)
    async with visiting(script, big=content) as visit:
        options = {"path": "/content/big", "endpoint": server.files_url, "chunkSize": MIB}
        stopped = await visit.send(**options, stopAt=0.5)
        assert await visit.page.evaluate("url => window.offset(url)", stopped["url"]) == {
            "status": 200,
            "offset": str(4 * MIB),
        }
        await visit.page.reload()
        sent = await visit.send(**options, resume=True)
        assert (sent["found"], sent["url"]) == (1, stopped["url"])
        assert sent["statuses"] == [200, 204, 204, 204, 204]
        assert await _arrived(server, sent["url"], content)


async def test_aborting_for_good_deletes_the_upload(server: Server, script: Path, seed: int) -> None:
    async with visiting(script, big=Content(seed=seed, length=8 * MIB)) as visit:
        options = {"path": "/content/big", "endpoint": server.files_url, "chunkSize": MIB}
        stopped = await visit.send(**options, stopAt=0.5)
        await visit.page.evaluate("() => window.current.abort(true)")
        path = stopped["url"].removeprefix(server.address.url)
        assert (await request(server.address, "HEAD", path, [RESUMABLE])).status == 410


async def test_a_page_that_is_not_allowed_makes_nothing(tmp_path: Path, script: Path, seed: int) -> None:
    refusing = {"cors.allow_origin": r"https://app\.example\.org"}
    async with (
        Server(folder=tmp_path, settings=refusing) as server,
        visiting(script, small=Content(seed=seed, length=MIB)) as visit,
    ):
        with pytest.raises(BrowserError, match="tus: failed to create upload"):
            await visit.send(path="/content/small", endpoint=server.files_url, retryDelays=[])
        assert await _count(server) == 0
        made = await request(server.address, "POST", "/files/", [RESUMABLE, ("Upload-Length", "5")])
        with pytest.raises(BrowserError, match="Failed to fetch"):
            await visit.page.evaluate("url => window.offset(url)", made.headers["location"])


async def test_a_page_that_is_named_is_allowed(tmp_path: Path, script: Path, seed: int) -> None:
    content = Content(seed=seed, length=MIB)
    naming = {"cors.allow_origin": r"http://127\.0\.0\.1:[0-9]+", "cors.allow_credentials": "true"}
    async with Server(folder=tmp_path, settings=naming) as server, visiting(script, small=content) as visit:
        sent = await visit.send(path="/content/small", endpoint=server.files_url)
        assert await _arrived(server, sent["url"], content)


def _three(seed: int) -> dict[str, Content]:
    return {f"file{mib}.bin": Content(seed=seed + mib, length=mib * MIB + mib) for mib in (1, 7, 20)}


async def _all_arrived(server: Server, visit: Visit, sent: Mapping[str, Any]) -> bool:
    assert sent["failed"] == []
    return all([await _arrived(server, sent["urls"][name], visit.contents[name]) for name in visit.contents])


async def test_uppy_sends_three_files_through_cuts(server: Server, script: Path, seed: int) -> None:
    proxy = CuttingProxy(target=server.address, cuts=[3 * MIB, 9 * MIB, 15 * MIB, 22 * MIB])
    async with visiting(script, **_three(seed)) as visit, proxy.running():
        paths = [f"/content/{name}" for name in visit.contents]
        sent = await visit.send_with_uppy(
            endpoint=f"{proxy.address.url}/files/", paths=paths, chunkSize=2 * MIB
        )
        assert proxy.done == 4
        assert await _all_arrived(server, visit, sent)


@asynccontextmanager
async def _paused(server: Server, visit: Visit) -> AsyncIterator["asyncio.Task[dict[str, Any]]"]:
    """Uppy in the middle of three files, all paused; inside, the world may change. Then it goes on."""
    paths = [f"/content/{name}" for name in visit.contents]
    sending = asyncio.create_task(
        visit.send_with_uppy(endpoint=server.files_url, paths=paths, pauseAt=0.3, chunkSize=MIB // 4)
    )
    await visit.page.wait_for_function("() => window.paused")
    yield sending
    await visit.page.evaluate("() => window.resumeUppy()")
    await sending


async def test_uppy_goes_on_after_a_pause(server: Server, script: Path, seed: int) -> None:
    async with visiting(script, **_three(seed)) as visit:
        async with _paused(server, visit) as sending:
            assert not sending.done()
        assert await _all_arrived(server, visit, await sending)


async def test_uppy_goes_on_after_the_server_was_killed(server: Server, script: Path, seed: int) -> None:
    async with visiting(script, **_three(seed)) as visit:
        async with _paused(server, visit) as sending:
            await server.kill9()
            await server.start()
        assert await _all_arrived(server, visit, await sending)


async def test_uppy_outlives_a_server_that_is_away_for_a_moment(
    server: Server, script: Path, seed: int
) -> None:
    async with visiting(script, **_three(seed)) as visit:
        paths = [f"/content/{name}" for name in visit.contents]
        sending = asyncio.create_task(
            visit.send_with_uppy(endpoint=server.files_url, paths=paths, chunkSize=MIB // 4)
        )
        async with asyncio.timeout(20):
            while await _count(server) < len(paths):
                await asyncio.sleep(0.01)
        await server.kill9()
        await server.start()
        assert await _all_arrived(server, visit, await sending)


async def test_uppy_begins_again_when_its_uploads_were_deleted(
    server: Server, script: Path, seed: int
) -> None:
    async with visiting(script, **_three(seed)) as visit:
        async with _paused(server, visit) as sending:
            for row in await fetch(server, "SELECT id FROM uploads WHERE state <> 'stored'"):
                gone = await request(server.address, "DELETE", f"/files/{row['id']}", [RESUMABLE])
                assert gone.status == 204
        assert await _all_arrived(server, visit, await sending)


async def test_uppy_waits_at_a_429_and_begins_nothing_again(tmp_path: Path, script: Path, seed: int) -> None:
    """Unlike tus-js-client by itself, for which `rates.status = 503` is (test_rates_by_tus_js_client.py)."""
    limits = {"rates.address_requests": "120", "rates.status": "429"}
    content = {f"file{number}.bin": Content(seed=seed + number, length=MIB) for number in range(3)}
    async with Server(folder=tmp_path, settings=limits) as server, visiting(script, **content) as visit:
        one = [RESUMABLE, ("Upload-Length", "1")]
        made = 0
        while (await request(server.address, "POST", "/files/", one)).status == 201:
            made += 1
        paths = [f"/content/{name}" for name in content]
        sent = await visit.send_with_uppy(endpoint=server.files_url, paths=paths)
        assert await _count(server) == made + len(content), "an upload was begun again"
        assert sent["failed"] == []
        # Fetching counts, too; the rows say as much.
        (stored,) = await fetch(server, "SELECT count(*) AS number FROM uploads WHERE state = 'stored'")
        assert stored["number"] == len(content)
