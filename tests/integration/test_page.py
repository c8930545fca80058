"""The routes of the upload page, over files that a test wrote instead of Vite."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from tusd_py.config.settings import Settings
from tusd_py.server.errors import install
from tusd_py.server.identify import identify_anonymous
from tusd_py.server.metrics import Metrics
from tusd_py.server.page import make_page
from tusd_py.server.routes import register
from tusd_py.server.runner import TusRunner
from tusd_py.server.sockets import open_sockets

from .tiny import settings_with

SCRIPT = "assets/index-abc.js"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>built</title>")
    (folder / SCRIPT).write_text("'use strict'\n" * 100)
    (folder / "assets" / "secret.map").write_text("not for others")
    return folder


@asynccontextmanager
async def serving(built: Path, settings: Settings | None = None) -> AsyncIterator[tuple[ClientSession, str]]:
    settings = settings or settings_with()
    app = web.Application()
    install(app, settings, meter=Metrics(version="0"))
    page = make_page(settings, built)
    register(
        app,
        [page] if page else [],
        base_path=settings.server.base_path,
        identify=partial(identify_anonymous, settings=settings),
    )
    listening = open_sockets(settings.server, backlog=5, environ={})
    runner = TusRunner(app, settings=settings)
    await runner.setup()
    await runner.listen(listening.sockets)
    async with ClientSession(auto_decompress=False) as client:
        yield client, runner.names[0]
    await runner.cleanup()
    listening.close()


async def test_the_page_may_run_its_own_files_and_ask_only_us(built: Path) -> None:
    async with serving(built) as (client, url), client.get(url) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-cache"


async def test_uploads_may_go_to_our_public_name_too(built: Path) -> None:
    settings = settings_with(server={"public_url": "https://files.example.org/tus"})
    async with serving(built, settings) as (client, url):
        async with client.get(url) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "connect-src 'self' https://files.example.org wss://files.example.org;" in policy
        async with client.get(f"{url}/api/v1/config") as answer:
            assert (await answer.json())["endpoint"] == "https://files.example.org/tus/files/"


async def test_tokens_may_come_from_the_provider_and_from_nobody_else(built: Path) -> None:
    access = {"jwt_issuer": "https://login.example.org/realms/x", "oidc_client_id": "page"}
    async with serving(built, settings_with(access=access)) as (client, url), client.get(url) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "connect-src 'self' https://login.example.org;" in policy


@pytest.mark.parametrize("view", ["library", "operate"])
async def test_every_view_is_the_page(built: Path, view: str) -> None:
    plain = {"Accept-Encoding": "identity"}
    async with serving(built) as (client, url), client.get(f"{url}/{view}?q=1", headers=plain) as answer:
        assert answer.status == 200
        assert "<title>built</title>" in await answer.text()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_hashed_files_are_kept_for_ever_and_zipped_for_who_wants_it(built: Path) -> None:
    async with serving(built) as (client, url):
        async with client.get(f"{url}/{SCRIPT}", headers={"Accept-Encoding": "identity"}) as plain:
            assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert await plain.read() == (built / SCRIPT).read_bytes()
        async with client.get(f"{url}/{SCRIPT}", headers={"Accept-Encoding": "gzip, br"}) as zipped:
            assert zipped.headers["Content-Encoding"] == "gzip"
            assert "Accept-Encoding" in zipped.headers["Vary"]
            assert zipped.headers["ETag"] != plain.headers["ETag"]
            assert len(await zipped.read()) < 200


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_page_that_did_not_change_is_not_sent_again(built: Path, coding: str) -> None:
    async with serving(built) as (client, url):
        async with client.get(url, headers={"Accept-Encoding": coding}) as first:
            known = {"Accept-Encoding": coding, "If-None-Match": f'"other", {first.headers["ETag"]}'}
        async with client.get(url, headers=known) as again:
            assert again.status == 304
            assert await again.read() == b""
            # RFC 9110, 15.4.5
            assert again.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize(
    "path", ["assets/", "assets/secret.map", "assets/..%2findex.html", "assets/%2e%2e/index.html", "web"]
)
async def test_nothing_else_is_served(built: Path, path: str) -> None:
    async with serving(built) as (client, url), client.get(f"{url}/{path}") as answer:
        assert answer.status == 404


async def test_the_page_is_told_the_limits(built: Path) -> None:
    uploads = {"max_size": 5_000_000, "expiry": 3600.0, "disable_download": True, "disable_termination": True}
    async with (
        serving(built, settings_with(uploads=uploads)) as (client, url),
        client.get(f"{url}/api/v1/config") as answer,
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert await answer.json() == {
            "endpoint": f"{url}/files/",
            "max_size": 5_000_000,
            "expiry": 3600,
            "downloads": False,
            "termination": False,
            "scanning": False,
        }


async def test_pages_of_others_are_told_nothing(built: Path) -> None:
    foreign = {"Origin": "https://evil.example.org"}
    async with (
        serving(built) as (client, url),
        client.get(f"{url}/api/v1/config", headers=foreign) as answer,
    ):
        assert answer.status == 403


async def test_without_a_built_page_there_is_a_plain_one(tmp_path: Path) -> None:
    async with serving(tmp_path / "nothing") as (client, url), client.get(url) as answer:
        assert answer.status == 200
        assert "<script" not in await answer.text()


async def test_the_page_can_be_switched_off(built: Path) -> None:
    async with serving(built, settings_with(server={"page": False})) as (client, url):
        for path in ("", "/api/v1/config", f"/{SCRIPT}"):
            async with client.get(url + path) as answer:
                assert answer.status == 404
