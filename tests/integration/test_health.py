"""Health, readiness and the plain page."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import ClientSession, web

from storage_backends.base import StorageFull
from tusd_py.config.settings import Settings
from tusd_py.server.errors import install
from tusd_py.server.health import PATIENCE, Health, Readiness
from tusd_py.server.identify import identify_anonymous
from tusd_py.server.metrics import Metrics
from tusd_py.server.plain_page import PlainPage
from tusd_py.server.routes import register
from tusd_py.server.runner import TusRunner
from tusd_py.server.sockets import open_sockets

from .tiny import settings_with


@asynccontextmanager
async def serving(
    readiness: Readiness, settings: Settings | None = None
) -> AsyncIterator[tuple[ClientSession, str]]:
    settings = settings or settings_with()
    app = web.Application()
    install(app, settings, meter=Metrics(version="0"))
    faces = (Health(readiness=readiness), PlainPage(settings=settings))
    register(
        app,
        faces,
        base_path=settings.server.base_path,
        identify=partial(identify_anonymous, settings=settings),
    )
    listening = open_sockets(settings.server, backlog=5, environ={})
    runner = TusRunner(app, settings=settings)
    await runner.setup()
    await runner.listen(listening.sockets)
    async with ClientSession() as client:
        yield client, runner.names[0]
    await runner.cleanup()
    listening.close()


async def fine() -> None:
    return None


async def broken() -> None:
    raise OSError("/secret/path is gone")


async def stuck() -> None:
    await asyncio.Event().wait()


async def test_ready_when_what_is_required_is() -> None:
    readiness = Readiness()
    readiness.add("database", fine)
    readiness.add("scanner", broken, required=False)
    async with serving(readiness) as (client, url), client.get(f"{url}/readyz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"status": "ok", "checks": {"database": "ok", "scanner": "failed"}}


async def test_a_disk_that_is_low_on_space_is_shown_and_takes_no_node_out() -> None:
    async def low() -> None:
        raise StorageFull("7 bytes are free, wanted 0 and a reserve of 9")

    readiness = Readiness()
    readiness.add("storage", low)
    async with serving(readiness) as (client, url), client.get(f"{url}/readyz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"status": "ok", "checks": {"storage": "low on space"}}


async def test_not_ready_says_which_but_not_why() -> None:
    readiness = Readiness()
    readiness.add("database", broken)
    readiness.add("storage", stuck)
    async with serving(readiness) as (client, url):
        began = asyncio.get_running_loop().time()
        async with client.get(f"{url}/readyz") as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "5"
            text = await answer.text()
        assert json.loads(text) == {
            "status": "unavailable",
            "checks": {"database": "failed", "storage": "timeout"},
        }
        assert asyncio.get_running_loop().time() - began < PATIENCE + 20
        async with client.get(f"{url}/healthz") as answer:
            assert answer.status == 200


async def test_load_balancers_are_answered_whatever_name_they_ask_by() -> None:
    settings = settings_with(server={"allowed_hosts": ("files.example.org",)})
    async with serving(Readiness(), settings) as (client, url):
        for path, status in (
            ("/healthz", 200),
            ("/readyz", 200),
            ("/health", 200),
            ("/", 421),
            ("/readyz/", 421),
        ):
            async with client.get(url + path) as answer:
                assert (path, answer.status) == (path, status)
        for host in ("a b", "a/b"):
            async with client.get(f"{url}/readyz", headers={"Host": host}) as answer:
                assert answer.status == 400


async def test_draining_is_not_ready_but_alive() -> None:
    readiness = Readiness()
    readiness.draining = True
    async with serving(readiness) as (client, url):
        async with client.get(f"{url}/readyz") as answer:
            assert (answer.status, (await answer.json())["status"]) == (503, "draining")
        for path in ("/healthz", "/health"):
            async with client.get(url + path) as answer:
                assert answer.status == 200


async def test_many_who_ask_cost_one_check() -> None:
    readiness = Readiness()
    asked = 0

    async def count() -> None:
        nonlocal asked
        asked += 1

    readiness.add("database", count)
    await asyncio.gather(*(readiness.report() for _ in range(100)))
    assert asked == 1


async def test_the_plain_page_says_where_to_upload_and_runs_nothing() -> None:
    settings = settings_with(server={"public_url": 'https://files.org/"><script>'})
    async with serving(Readiness(), settings) as (client, url), client.get(url) as answer:
        text = await answer.text()
        assert answer.status == 200
        assert answer.content_type == "text/html"
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "<script" not in text
        assert "https://files.org/&quot;&gt;&lt;script&gt;/files/" in text
        assert "Tus-Resumable: 1.0.0" in text


async def test_nothing_tells_a_version() -> None:
    async with serving(Readiness()) as (client, url):
        for path in ("/", "/healthz", "/readyz", "/version", "/metrics", "/files/"):
            async with client.get(url + path) as answer:
                assert answer.headers["Server"] == "tusd-py"
                assert "aiohttp" not in await answer.text()
                assert answer.status == (404 if path in ("/version", "/metrics", "/files/") else 200)
