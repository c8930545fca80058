"""The keys of an OpenID provider: found, fetched again, and used while the provider is down.

The server is a mount in this process, which starts at once; the provider is a real one over HTTP.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.integration.hosted import Host, Said, hosted, settings_in
from tests.integration.tiny import events
from tusd_py import setup_tus

from .issuer import AUDIENCE, Provider, bearer, private_key, providing, public_jwk, token

LET_IN = 404
"""There is no such upload; those who are not let in hear 401."""
NOT_THERE = f"/files/{'0' * 32}"


@asynccontextmanager
async def asking(provider: Provider, folder: Path, **other: str) -> AsyncIterator[Host]:
    """A server whose visitors come from the provider; it remembers no visitor."""
    app = web.Application()
    settings = settings_in(
        folder,
        access_auth="jwt",
        access_jwt_issuer=provider.url,
        access_jwt_audience=[AUDIENCE],
        access_cache=0,
        log_requests=False,
        **{f"access_{name}": value for name, value in other.items()},
    )
    setup_tus(app, "/files/", settings=settings)
    async with hosted(app) as host:
        yield host


def signed(provider: Provider, kid: str = "one", which: int = 0) -> str:
    return token("ES256", kid, private_key("ES256", which), iss=provider.url)


async def ask(host: Host, text: str, method: str = "GET") -> Said:
    return await host.ask(method, NOT_THERE, b"", **dict([bearer(text)]))


async def status(host: Host, text: str) -> int:
    return (await ask(host, text)).status


def provider_with(*kids: str) -> Provider:
    return Provider(keys=[public_jwk(private_key("ES256", n), kid) for n, kid in enumerate(kids)])


async def test_the_provider_says_where_its_keys_are(tmp_path: Path) -> None:
    async with providing(provider_with("one")) as provider, asking(provider, tmp_path) as host:
        assert provider.fetches == 0, "nobody has asked for anything yet"
        assert await status(host, signed(provider)) == LET_IN
        assert await status(host, signed(provider, "two", which=1)) == 401
        assert (provider.discoveries, provider.fetches) == (1, 1)


async def test_a_key_that_is_new_is_fetched_when_somebody_shows_it(tmp_path: Path) -> None:
    async with (
        providing(provider_with("one")) as provider,
        asking(provider, tmp_path, jwks_patience="1s") as host,
    ):
        assert await status(host, signed(provider)) == LET_IN
        provider.keys = [public_jwk(private_key("ES256", 1), "two")]
        async with asyncio.timeout(20):
            while await status(host, signed(provider, "two", which=1)) != LET_IN:
                await asyncio.sleep(0.05)
        assert await status(host, signed(provider)) == 401


async def test_a_thousand_unknown_kids_cost_the_provider_two_fetches(tmp_path: Path) -> None:
    async with providing(provider_with("one")) as provider, asking(provider, tmp_path) as host:
        good = signed(provider)
        for turn in range(0, 1000, 50):
            kids = (f"invented-{turn + n}" for n in range(50))
            said = await asyncio.gather(*(status(host, signed(provider, kid)) for kid in kids))
            assert set(said) == {401}
            assert await status(host, good) == LET_IN
        assert provider.fetches + provider.discoveries <= 2


async def test_users_do_not_notice_that_the_provider_is_down(tmp_path: Path) -> None:
    async with (
        providing(provider_with("one")) as provider,
        asking(provider, tmp_path, jwks_refresh="10ms", jwks_patience="1s") as host,
    ):
        good = signed(provider)
        assert await status(host, good) == LET_IN
        for fault in ("500", "garbage", "empty", "huge", "redirect", "slow"):
            provider.fault = fault
            asked = provider.fetches + provider.discoveries
            while provider.fetches + provider.discoveries == asked:
                assert await status(host, good) == LET_IN
                await asyncio.sleep(0.01)
            # While it is being asked, and when it has failed.
            assert set(await asyncio.gather(*(status(host, good) for _ in range(20)))) == {LET_IN}


async def test_when_nothing_can_be_known_clients_are_told_to_come_back(tmp_path: Path) -> None:
    async with (
        providing(provider_with("one")) as provider,
        asking(provider, tmp_path, jwks_patience="1s") as host,
    ):
        provider.fault = "500"
        for _ in range(3):
            refused = await ask(host, signed(provider))
            assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        # tus-js-client begins from byte 0 on any other failure of HEAD.
        locked = await ask(host, signed(provider), "HEAD")
        assert (locked.status, locked.headers["Retry-After"]) == (423, "5")
        provider.fault = ""
        answers: list[int] = []
        async with asyncio.timeout(20):
            while LET_IN not in answers:
                answers.append(await status(host, signed(provider)))
                await asyncio.sleep(0.05)
        assert set(answers) <= {503, LET_IN}


async def test_keys_that_are_too_old_are_not_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with (
        providing(provider_with("one")) as provider,
        asking(provider, tmp_path, jwks_refresh="10ms", jwks_patience="1s", jwks_stale="1500ms") as host,
    ):
        good = signed(provider)
        assert await status(host, good) == LET_IN
        provider.fault = "500"
        answers: list[int] = []
        async with asyncio.timeout(20):
            # A fetch that is under way has not failed yet.
            while 503 not in answers or "jwks.not_fetched" not in events(caplog.records):
                answers.append(await status(host, good))
                await asyncio.sleep(0.01)
        assert set(answers) == {LET_IN, 503}
