"""Rates over HTTP, with the real program: who is refused, who is slowed down, and who never is."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.harness.server import Server
from tests.harness.tus import BYTES, RESUMABLE
from tests.harness.wire import Answer, Connection, head_of, request

MIB = 1 << 20


async def create(server: Server, length: int = 5, *headers: tuple[str, str]) -> Answer:
    return await request(
        server.address, "POST", "/files/", [RESUMABLE, ("Upload-Length", str(length)), *headers]
    )


def target(made: Answer) -> str:
    return "/files/" + made.headers["location"].rpartition("/")[2]


@pytest.mark.parametrize("workers", [1, 2])
async def test_whoever_comes_too_often_is_refused_whichever_worker_answers(
    tmp_path: Path, workers: int
) -> None:
    settings = {"rates.address_requests": "60"}
    async with Server(folder=tmp_path, settings=settings, workers=workers) as server:
        answers = [await create(server) for _ in range(40)]
        made = [answer for answer in answers if answer.status == 201]
        refused = [answer for answer in answers if answer.status == 429]
        # A burst of ten, and one a second.
        assert 10 <= len(made) <= 30
        assert len(made) + len(refused) == 40
        assert made[0].headers["ratelimit-policy"] == '"address";q=60;w=60'
        assert made[0].headers["ratelimit"].startswith('"address";r=9;t=')
        assert refused[0].body.startswith(b"ERR_TOO_MANY_REQUESTS: too many requests of one address")
        assert refused[0].headers["retry-after"] == "1"
        for _ in range(20):
            assert (await request(server.address, "HEAD", target(made[0]), [RESUMABLE])).status == 200
        while (problem := await request(server.address, "GET", "/api/v1/me")).status == 200:
            pass
        assert problem.status == 429
        assert problem.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_where_nobody_is_asked_who_it_is_an_address_is_counted_too(tmp_path: Path, method: str) -> None:
    async with Server(folder=tmp_path, settings={"rates.address_requests": "60"}) as server:
        for path in ("/s/" + "a" * 43, "/s/a.b", "/api/v1/auth", "/api/v1/openapi.json"):
            while (refused := await request(server.address, method, path)).status != 429:
                assert refused.status in (200, 403, 404, 410)
            assert refused.headers["retry-after"]
        # Whoever watches over the server is never refused.
        assert (await request(server.address, method, "/readyz")).status == 200


async def test_head_is_free_where_a_client_asks_how_far_its_upload_is_and_nowhere_else(
    tmp_path: Path,
) -> None:
    async with Server(folder=tmp_path, settings={"rates.address_requests": "60"}) as server:
        made = target(await create(server))
        while (await request(server.address, "HEAD", "/api/v1/me")).status == 200:
            pass
        assert (await request(server.address, "HEAD", made, [RESUMABLE])).status == 200


async def test_an_override_of_the_method_is_no_way_past_the_limit_but_for_tus(tmp_path: Path) -> None:
    async with Server(folder=tmp_path, settings={"rates.address_requests": "60"}) as server:
        meant = [("X-HTTP-Method-Override", "HEAD")]
        asked = [await request(server.address, "GET", "/api/v1/me", meant) for _ in range(30)]
        assert {answer.status for answer in asked} == {200, 429}


async def test_a_patch_waits_for_its_turn(tmp_path: Path) -> None:
    settings = {"rates.address_requests": "120", "rates.status": "503"}
    async with Server(folder=tmp_path, settings=settings) as server:
        made = target(await create(server))
        while (answer := await create(server)).status == 201:
            pass
        assert answer.status == 503
        began = time.monotonic()
        for offset in range(4):
            headers = [RESUMABLE, BYTES, ("Upload-Offset", str(offset))]
            assert (await request(server.address, "PATCH", made, headers, b"x")).status == 204
        assert time.monotonic() - began > 1.0


async def test_a_body_is_read_as_fast_as_it_may_come(tmp_path: Path) -> None:
    settings = {"rates.address_bytes": "2MiB"}
    async with Server(folder=tmp_path, settings=settings) as server:
        made = [target(await create(server, 3 * MIB)) for _ in range(2)]
        began = time.monotonic()
        headers = [RESUMABLE, BYTES, ("Upload-Offset", "0")]
        answers = await asyncio.gather(
            *(request(server.address, "PATCH", one, headers, bytes(3 * MIB)) for one in made)
        )
        assert [answer.status for answer in answers] == [204, 204]
        # 6 MiB at 2 MiB/s, of which a second's worth comes at once.
        assert time.monotonic() - began > 1.5


async def test_a_body_that_is_slowed_down_gives_way_to_another_request(tmp_path: Path) -> None:
    settings = {"rates.address_bytes": "64KiB"}
    async with Server(folder=tmp_path, settings=settings) as server:
        made = target(await create(server, 3 * MIB))
        headers = [RESUMABLE, BYTES, ("Upload-Offset", "0")]
        slow = asyncio.create_task(request(server.address, "PATCH", made, headers, bytes(3 * MIB)))
        async with asyncio.timeout(30):
            while (told := await request(server.address, "HEAD", made, [RESUMABLE])).offset in (0, None):
                await asyncio.sleep(0.1)
        assert told.status == 200
        assert (await slow).status == 423


async def test_small_uploads_on_one_connection_are_counted_like_all_others(tmp_path: Path) -> None:
    """They have ways of their own, past most of what other requests meet."""
    async with Server(folder=tmp_path, settings={"rates.address_requests": "60"}) as server:
        host = ("Host", f"{server.address.host}:{server.address.port}")
        head = head_of(
            "POST", "/files/", [host, RESUMABLE, BYTES, ("Upload-Length", "2"), ("Content-Length", "2")]
        )
        async with await Connection.open(server.address) as connection:
            made = []
            for _ in range(300):
                await connection.send(head, b"ab")
                made.append((await connection.answer("POST")).status)
                if made[-1] != 201:
                    break
        assert (made[:10], made[-1]) == ([201] * 10, 429)
