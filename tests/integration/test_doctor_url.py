"""What the doctor says of the way there: a real nginx with one line changed, before a real server."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness.rows import fetch
from tests.harness.server import Server
from tests.services import proxies
from tusd_py.doctor.finding import Finding, Level

from .examined import found, here, only, wrongs

WHOLE_BODIES = {"proxy_request_buffering off;": "proxy_request_buffering on;"}

pytestmark = pytest.mark.skipif(
    proxies.missing("nginx") is not None, reason=proxies.missing("nginx") or "it is there"
)


@asynccontextmanager
async def behind_nginx(folder: Path, spoiled: Mapping[str, str]) -> AsyncIterator[tuple[Server, str]]:
    """A server, and the URL of the proxy before it."""
    settings = {"server.trusted_proxies": "127.0.0.1", "access.auth": "none"}
    async with Server(folder=folder, settings=settings) as node:
        with proxies.nginx([node.address], folder, spoiled) as address:
            yield node, f"{address.url}/files/"


async def seen_through(folder: Path, spoiled: Mapping[str, str]) -> list[Finding]:
    async with behind_nginx(folder, spoiled) as (node, url):
        every = await found(here(folder), url)
        left = await fetch(node, "SELECT id FROM uploads WHERE state NOT IN ('terminated', 'expired')")
        assert left == [], "it takes everything back"
        return every


async def test_the_shipped_file_is_well(tmp_path: Path) -> None:
    every = await seen_through(tmp_path, {})
    assert {finding.level for finding in every} == {Level.WELL}
    checks = [finding.check for finding in every]
    assert checks[-4:] == ["public URL", "Location", "buffering proxy", "body limit"]


async def test_a_proxy_that_waits_for_whole_bodies_is_found(tmp_path: Path) -> None:
    every = await seen_through(tmp_path, WHOLE_BODIES)
    assert "proxy_request_buffering off" in only(every, "buffering proxy").fix
    assert len(wrongs(every)) == 1


async def test_a_proxy_that_limits_bodies_is_found(tmp_path: Path) -> None:
    every = await seen_through(tmp_path, {"client_max_body_size 0;": "client_max_body_size 20m;"})
    limit = only(every, "body limit")
    assert "100 MiB is refused with 413, one of 10 MiB not" in limit.what
    assert "client_max_body_size 0" in limit.fix


async def test_a_proxy_that_hides_how_it_was_reached_is_found(tmp_path: Path) -> None:
    hiding = {
        "proxy_set_header Host $http_host;": "proxy_set_header Host inside.example;",
        "proxy_set_header X-Forwarded-Host $http_host;": "",
    }
    every = await seen_through(tmp_path, hiding)
    location = only(every, "Location")
    assert "inside.example" in location.what
    assert "server.public_url" in location.fix


async def test_a_scheme_that_is_not_the_one_that_was_asked_for_is_found(tmp_path: Path) -> None:
    every = await seen_through(
        tmp_path, {"proxy_set_header X-Forwarded-Proto $scheme;": "proxy_set_header X-Forwarded-Proto https;"}
    )
    assert "https://" in only(every, "Location").what


async def test_what_is_no_tus_server_is_found(tmp_path: Path) -> None:
    async with behind_nginx(tmp_path, {}) as (_, url):
        every = await found(here(tmp_path), url.removesuffix("files/") + "healthz")
    assert "no tus server" in only(every, "public URL").what


async def test_what_cannot_be_reached_is_found(tmp_path: Path) -> None:
    assert only(await found(here(tmp_path), "http://127.0.0.1:1/files/"), "public URL")
