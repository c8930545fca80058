"""Signing in on the page: with a key, and at an OpenID provider."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.access.test_forward import endpoint_at
from tests.access.test_keys import make
from tests.harness.content import Content
from tests.harness.cutting import CuttingProxy
from tests.harness.ports import free_port
from tests.harness.rows import fetch
from tests.harness.server import Server
from tests.services.openid import OpenIdProvider, openid_provider
from tusd_py.access.identity import Scope

from .visitor import Visitor, browsing, page_reason, visit

pytestmark = pytest.mark.skipif(page_reason() is not None, reason=page_reason() or "")

MIB = 1 << 20
NOT_IN = re.compile(r"status of 401")
__all__ = ["openid_provider"]


@pytest.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[Server]:
    settings = {"access.auth": "key", "access.cache": "0"}
    async with Server(folder=tmp_path, settings=settings) as server:
        yield server


async def enter(visitor: Visitor, key: str, *, remember: bool = False) -> None:
    await visitor.page.get_by_label("API key or token").fill(key)
    if remember:
        await visitor.page.get_by_label("Remember on this machine").check()
    await visitor.page.get_by_role("button", name="Sign in", exact=True).click()


def unexpected(visitor: Visitor) -> list[str]:
    """Chromium calls every 401 an error of the page."""
    return [error for error in visitor.errors if not NOT_IN.search(error)]


async def test_a_key_opens_the_page_and_is_forgotten_with_the_tab(keyed: Server, tmp_path: Path) -> None:
    key = await make(keyed, "ann")
    path = Content(seed=1, length=100_000).write_to(tmp_path / "notes.txt")
    async with browsing() as context:
        visitor = await visit(context, keyed.address.url)
        await expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(visitor.page.get_by_text("Drop files")).to_have_count(0)
        assert await visitor.accessibility_faults() == []
        assert visitor.errors == []
        await enter(visitor, "tusd_wrong")
        await expect(visitor.page.get_by_text("The server does not take this key.")).to_be_visible()
        await enter(visitor, key)
        await expect(visitor.page.get_by_text("Drop files")).to_be_visible()
        # Not an admin.
        await expect(visitor.page.get_by_role("link", name="Operate")).to_have_count(0)
        await visitor.drop(path)
        await expect(visitor.badge("notes.txt", "Uploaded")).to_be_visible()
        await visitor.page.get_by_role("link", name="Show in the library: notes.txt").click()
        dialog = visitor.page.get_by_role("dialog", name="notes.txt")
        async with visitor.page.expect_download() as started:
            await dialog.get_by_role("link", name="Download", exact=True).click()
        assert (await (await started.value).path()).read_bytes() == path.read_bytes()
        await visitor.page.reload()
        await expect(visitor.page.get_by_role("dialog", name="notes.txt")).to_be_visible()
        other = await visit(context, keyed.address.url)
        await expect(other.page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert (unexpected(visitor), visitor.foreign, await visitor.violations()) == ([], [], [])


async def test_a_download_that_does_not_begin_says_why(keyed: Server, tmp_path: Path) -> None:
    path = Content(seed=1, length=1000).write_to(tmp_path / "notes.txt")

    async def full(route: Route) -> None:
        await route.fulfill(status=503, json={"code": "BUSY", "detail": "come again"})

    why = "The server said “come again” (503)."
    async with browsing() as context:
        visitor = await visit(context, keyed.address.url)
        await enter(visitor, await make(keyed, "ann"))
        await expect(visitor.page.get_by_text("Drop files")).to_be_visible()
        await visitor.drop(path)
        await context.route("**/api/v1/files/*/url*", full)
        # Until the file has an id the link is a plain one.
        await expect(visitor.page.get_by_role("link", name="Show in the library: notes.txt")).to_be_visible()
        told = visitor.page.get_by_text(f"notes.txt could not be downloaded. {why}")
        await visitor.row("notes.txt").get_by_role("link", name="Download").click()
        await expect(told).to_be_visible()
        await visitor.page.get_by_role("link", name="Library", exact=True).click()
        await expect(told).to_have_count(0, timeout=30_000)
        await visitor.row("notes.txt").get_by_role("link", name="Download").click()
        await expect(told).to_be_visible()
        await visitor.page.get_by_role("button", name="Details of notes.txt").click()
        dialog = visitor.page.get_by_role("dialog", name="notes.txt")
        for number, link in enumerate(("Download", "Download version 1"), 1):
            await dialog.get_by_role("link", name=link, exact=True).click()
            await expect(dialog.get_by_role("alert").filter(has_text=why)).to_have_count(number)


async def test_a_remembered_key_outlives_the_tab_until_one_signs_out(keyed: Server) -> None:
    key = await make(keyed, "root", scopes=frozenset(Scope))
    async with browsing() as context:
        visitor = await visit(context, keyed.address.url)
        await enter(visitor, key, remember=True)
        await expect(visitor.page.get_by_role("link", name="Operate")).to_be_visible()
        await visitor.page.close()
        later = await visit(context, keyed.address.url, "/operate")
        await expect(later.page.get_by_text("Database answers")).to_be_visible()
        await later.page.get_by_role("button", name="Sign out").click()
        await expect(later.page.get_by_role("heading", name="Sign in")).to_be_visible()
        kept = "() => JSON.stringify([{...localStorage}, {...sessionStorage}])"
        assert key not in await later.page.evaluate(kept)


async def test_an_upload_waits_for_a_new_key_and_goes_on_where_it_stopped(
    keyed: Server, tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=24 * MIB)
    path = content.write_to(tmp_path / "film.mkv")
    first = await make(keyed, "ann")
    proxy = CuttingProxy(target=keyed.address, rate=2 * MIB)
    async with proxy.running(), browsing() as context:
        visitor = await visit(context, proxy.address.url)
        await enter(visitor, first)
        await expect(visitor.page.get_by_text("Drop files")).to_be_visible()
        await visitor.drop(path)
        await visitor.until_percent("film.mkv", 40)
        await revoke_all(keyed)
        await visitor.row("film.mkv").get_by_role("button", name="Pause").click()
        await visitor.row("film.mkv").get_by_role("button", name="Resume").click()
        await expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(visitor.row("film.mkv")).to_contain_text("goes on when you have signed in")
        assert await visitor.accessibility_faults() == []
        proxy.rate = 0
        await enter(visitor, await make(keyed, "ann"))
        await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
        assert unexpected(visitor) == []
    (version,) = await fetch(keyed, "SELECT length FROM versions")
    assert version["length"] == content.length
    assert len(await fetch(keyed, "SELECT id FROM uploads")) == 1
    assert proxy.sent < content.length + 8 * MIB


async def _busy(route: Route) -> None:
    await route.fulfill(status=503, headers={"Retry-After": "1"})


async def test_a_server_that_is_too_busy_to_say_who_one_is_is_asked_again(keyed: Server) -> None:
    async with browsing() as context:
        visitor = await visit(context, keyed.address.url)
        await enter(visitor, await make(keyed, "ann"))
        await expect(visitor.page.get_by_text("Drop files")).to_be_visible()
        await context.route("**/api/v1/me", _busy)
        await visitor.page.reload()
        await expect(visitor.page.get_by_text("The server does not answer.")).to_be_visible()
        await expect(visitor.page.get_by_role("heading", name="Sign in")).to_have_count(0)
        await context.unroute("**/api/v1/me")
        await expect(visitor.page.get_by_text("Drop files")).to_be_visible()


async def test_whoever_signs_in_at_a_proxy_comes_back_to_the_page_as_it_was(
    tmp_path: Path, seed: int
) -> None:
    path = Content(seed=seed, length=24 * MIB).write_to(tmp_path / "film.mkv")
    port = free_port()
    settings = {
        "access.auth": "forward",
        "access.forward_url": f"http://127.0.0.1:{port}/who",
        "access.cache": "0",
    }
    async with Server(folder=tmp_path, settings=settings) as server, endpoint_at(port) as endpoint:
        proxy = CuttingProxy(target=server.address, rate=2 * MIB)
        async with proxy.running(), browsing() as context:
            visitor = await visit(context, proxy.address.url)
            again = visitor.page.get_by_role("button", name="Try again")
            await again.click()
            await expect(visitor.page.get_by_text("The server does not know you yet.")).to_be_visible()
            assert await visitor.accessibility_faults() == []
            await context.add_cookies([{"name": "session", "value": "ann", "url": proxy.address.url}])
            await visitor.page.evaluate("() => window.dispatchEvent(new Event('focus'))")
            await expect(visitor.page.get_by_text("Drop files")).to_be_visible()
            await visitor.drop(path)
            await visitor.until_percent("film.mkv", 20)
            endpoint.says = "401"
            await visitor.row("film.mkv").get_by_role("button", name="Pause").click()
            await visitor.row("film.mkv").get_by_role("button", name="Resume").click()
            await expect(visitor.row("film.mkv")).to_contain_text("goes on when you have signed in")
            endpoint.says = ""
            proxy.rate = 0
            await again.click()
            await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
            assert unexpected(visitor) == []
        assert len(await fetch(server, "SELECT id FROM uploads")) == 1


async def revoke_all(server: Server) -> None:
    with closing(sqlite3.connect(server.data / ".tusd" / "tusd.db", timeout=10)) as database:
        database.execute("UPDATE api_keys SET revoked_at = 1")
        database.commit()


_SPOIL = """() => {
  const kept = JSON.parse(sessionStorage.getItem('tusd-py-credential'))
  sessionStorage.setItem('tusd-py-credential', JSON.stringify({ ...kept, credential: 'it.ran.out' }))
}"""


async def log_in(context: BrowserContext, page: Page, button: str) -> None:
    async with context.expect_page() as opened:
        await page.get_by_role("button", name=button).click()
    window = await opened.value
    await window.get_by_placeholder("sub").fill("ann")
    await window.get_by_role("button", name="Authorize").click()


def settings_for(provider: OpenIdProvider) -> dict[str, str]:
    return {
        "access.auth": "jwt",
        "access.jwt_issuer": provider.issuer,
        "access.jwt_audience": "page",
        "access.oidc_client_id": "page",
    }


async def test_one_signs_in_at_a_provider_with_a_code_that_only_this_tab_can_use(
    tmp_path: Path, openid_provider: OpenIdProvider
) -> None:
    settings = settings_for(openid_provider)
    async with Server(folder=tmp_path, settings=settings) as server, browsing() as context:
        visitor = await visit(context, server.address.url)
        await log_in(context, visitor.page, f"Sign in at {openid_provider.host}")
        await expect(visitor.page.get_by_text("Drop files")).to_be_visible()
        await expect(visitor.page.get_by_text("ann", exact=True)).to_be_visible()
        assert "code_challenge_method=S256" in openid_provider.asked[0]
        assert unexpected(visitor) == []
        assert await visitor.violations() == []
        assert {url.split("/")[2] for url in visitor.foreign} == {openid_provider.host}


async def test_a_token_that_ran_out_is_renewed_when_the_page_is_loaded_and_no_refresh_token_is_lost(
    tmp_path: Path, openid_provider: OpenIdProvider
) -> None:
    real = {"refreshToken": "", "credential": ""}

    async def rotate(route: Route) -> None:
        """As providers do that take each refresh token once, and say anew who somebody is."""
        sent = route.request.post_data or ""
        answer = await route.fetch(post_data=sent.replace("rotated", real["refreshToken"]))
        said = {"refresh_token": "rotated", "id_token": real["credential"]}
        await route.fulfill(response=answer, json={**await answer.json(), **said})

    async def busy_for_the_new(route: Route) -> None:
        if "it.ran.out" in route.request.headers.get("authorization", ""):
            await route.fallback()
        else:
            await route.fulfill(status=503)

    settings, tokens = settings_for(openid_provider), f"{openid_provider.issuer}/oauth2/token"
    async with Server(folder=tmp_path, settings=settings) as server, browsing() as context:
        visitor = await visit(context, server.address.url)
        await log_in(context, visitor.page, f"Sign in at {openid_provider.host}")
        await expect(visitor.page.get_by_text("Drop files")).to_be_visible()
        kept = "JSON.parse(sessionStorage.getItem('tusd-py-credential'))"
        real = await visitor.page.evaluate(f"() => ({{ ...{kept}.renewal, credential: {kept}.credential }})")
        await visitor.page.evaluate(_SPOIL)
        await context.route(tokens, _busy)
        await visitor.page.reload()
        await expect(visitor.page.get_by_text("The server does not answer.")).to_be_visible()
        await context.unroute(tokens)
        await context.route(tokens, rotate)
        await context.route("**/api/v1/me", busy_for_the_new)
        await visitor.page.wait_for_function(f"() => {kept}.renewal.refreshToken === 'rotated'")
        await context.unroute("**/api/v1/me")
        await expect(visitor.page.get_by_text("Drop files")).to_be_visible()
        await expect(visitor.page.get_by_role("heading", name="Sign in")).to_have_count(0)
