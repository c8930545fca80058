"""Small uploads that go past aiohttp: they say what they would have said through it, in the same order."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.harness.wire import Address, Answer, Connection, NoAnswer, head_of
from tusd_py.assemble.app import make_app
from tusd_py.assemble.service import open_service
from tusd_py.metadata.database import Database, Query
from tusd_py.server.health import Readiness
from tusd_py.server.lane import Lane
from tusd_py.server.metrics import Metrics
from tusd_py.server.runner import TusRunner
from tusd_py.server.small_request import SmallRequest
from tusd_py.server.sockets import open_sockets

from .hosted import settings_in
from .odd_heads import spelled_oddly

HEADS = (
    ("Host", "localhost"),
    ("Tus-Resumable", "1.0.0"),
    ("Content-Type", "application/offset+octet-stream"),
    ("Origin", "https://example.org"),
)
BODY = b"x" * 100
SECRET = "s" * 40


@dataclass
class Here:
    """A server in this process, and what its lane was given."""

    address: Address
    runner: TusRunner
    database: Database
    answered: list[str] = field(default_factory=list)
    lane: Lane | None = None
    """That answered last."""


@asynccontextmanager
async def serving(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: object) -> AsyncIterator[Here]:
    chosen = settings_in(folder, server_port=0, metrics_port=0, **settings)
    metrics = Metrics(version="0")
    async with open_service(chosen, metrics, given_up=lambda: None) as service:
        app = make_app(chosen, service, metrics, Readiness())
        runner = TusRunner(app, settings=chosen)
        listening = open_sockets(chosen.server, backlog=10, environ={})
        await runner.setup()
        here = Here(Address("127.0.0.1", listening.sockets[0].getsockname()[1]), runner, service.database)
        answer = Lane._answer

        async def seen(lane: Lane, request: SmallRequest, *args: Any) -> bytes:
            here.answered.append(request.method)
            here.lane = lane
            return await answer(lane, request, *args)

        monkeypatch.setattr(Lane, "_answer", seen)
        await runner.listen(listening.sockets)
        try:
            yield here
        finally:
            await runner.cleanup()
            listening.close()


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Here]:
    async with serving(tmp_path, monkeypatch) as running:
        yield running


def post(*more: tuple[str, str], length: int = len(BODY), body: bytes = BODY) -> bytes:
    headers = (*HEADS, ("Upload-Length", str(length)), ("Content-Length", str(len(body))), *more)
    return head_of("POST", "/files/", headers) + body


def patch(location: str, *more: tuple[str, str], offset: int = 0, body: bytes = BODY) -> bytes:
    target = "/files/" + location.rpartition("/")[2]
    headers = (*HEADS, ("Upload-Offset", str(offset)), ("Content-Length", str(len(body))), *more)
    return head_of("PATCH", target, headers) + body


async def asked(connection: Connection, *requests: bytes) -> list[Answer]:
    answers = []
    for request in requests:
        await connection.send(request)
        answers.append(await connection.answer())
    return answers


def known_to(subject: str, *, lives: int = 3600) -> tuple[str, str]:
    claims = {"iss": "here", "aud": "tusd-py", "sub": subject, "exp": int(time.time()) + lives}
    return "Authorization", f"Bearer {jwt.encode(claims, SECRET, 'HS256')}"


@asynccontextmanager
async def with_logins(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: object
) -> AsyncIterator[Here]:
    wanted = {"auth": ["jwt"], "jwt_secret": SECRET, "jwt_issuer": "here", "jwt_audience": ["tusd-py"]}
    chosen = {f"access_{name}": value for name, value in wanted.items()} | settings
    async with serving(folder, monkeypatch, **chosen) as running:
        yield running


def without_names(answers: Sequence[Answer]) -> list[tuple[int, dict[str, str], bytes]]:
    changing = ("location", "date", "x-request-id", "upload-expires")
    return [
        (
            one.status,
            {name: "" if name in changing else value for name, value in one.headers.items()},
            one.body,
        )
        for one in answers
    ]


async def test_what_is_known_is_answered_past_aiohttp_as_through_it(here: Here) -> None:
    async with await Connection.open(here.address) as connection:
        created = await asked(connection, post(), post(), post())
        assert here.answered == ["POST", "POST"]
        empty = await asked(connection, *[post(body=b"") for _ in range(2)])
        patched = await asked(connection, *[patch(one.headers["location"]) for one in empty])
        assert here.answered == [*["POST"] * 4, "PATCH"]
    for answers, status in ((created, 201), (empty, 201), (patched, 204)):
        first, *others = without_names(answers)
        assert first[0] == status
        assert all(other == first for other in others)
    assert {one.headers["upload-offset"] for one in (*created, *patched)} == {str(len(BODY))}


async def test_whoever_names_a_request_finds_the_name_in_its_answer(here: Here) -> None:
    async with await Connection.open(here.address) as connection:
        names = ["a", "b", "c"]
        answers = await asked(connection, *[post(("X-Request-ID", name)) for name in names])
    assert [one.headers["x-request-id"] for one in answers] == names
    assert here.answered == ["POST", "POST"]


async def test_refusals_leave_the_lane_and_are_what_they_are_elsewhere(here: Here) -> None:
    wrong = ("Upload-Checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    async with await Connection.open(here.address) as connection:
        created, one, other = await asked(connection, post(body=b""), *[post(body=b"") for _ in range(2)])
        await asked(connection, patch(created.headers["location"]))
        here.answered.clear()
        answers = []
        for target in (one.headers["location"], other.headers["location"]):
            answers += await asked(
                connection,
                patch(target, offset=7),
                patch(target, wrong),
                patch("0" * 32),
                post(wrong),
                post(body=BODY + b"more"),
            )
            # Where there is an override, nobody takes the lane.
            elsewhere = ("X-HTTP-Method-Override", "PATCH")
            answers += await asked(
                connection,
                patch(target, elsewhere, offset=7),
                patch(target, wrong, elsewhere),
                patch("0" * 32, elsewhere),
                post(wrong, ("X-HTTP-Method-Override", "POST")),
                post(("X-HTTP-Method-Override", "POST"), body=BODY + b"more"),
            )
            assert (await asked(connection, patch(target)))[0].status == 204
    assert here.answered == [*["PATCH"] * 3, "POST", "PATCH"] * 2
    said = without_names(answers)
    assert [one[0] for one in said[:5]] == [409, 460, 404, 460, 413]
    assert said[:5] == said[5:10] == said[10:15] == said[15:]


async def test_pipelined_requests_are_answered_in_their_order(here: Here) -> None:
    async with await Connection.open(here.address) as connection:
        await asked(connection, post(), post())
        for _ in range(3):
            # One for the lane, and what comes while it is answered: each kind that there is.
            await connection.send(post(("X-Request-ID", "1")))
            await connection.send(
                post(("X-Request-ID", "2"))
                + head_of("OPTIONS", "/files/", (*HEADS, ("X-Request-ID", "3")))
                + post(("X-Request-ID", "4"))[:50]
            )
            await connection.send(post(("X-Request-ID", "4"))[50:])
            answers = [await connection.answer() for _ in range(4)]
            assert [one.headers["x-request-id"] for one in answers] == ["1", "2", "3", "4"]


async def test_a_head_is_known_only_line_by_line(here: Here) -> None:
    async with await Connection.open(here.address) as connection:
        await asked(connection, post(), post())
        assert here.answered == ["POST"]
        await asked(connection, post(("Cookie", "a=b")), post().replace(b"Host: localhost", b"Host: other"))
        assert here.answered == ["POST"]
        answers = await asked(connection, post().replace(b"Host: localhost", b"Host: other"))
    assert here.answered == ["POST", "POST"]
    assert answers[0].headers["location"].startswith("http://other/files/")


@pytest.mark.parametrize("version", [(), (("Tus-Resumable", "0.2.2"),)])
async def test_the_yes_of_another_route_is_none_to_an_upload(
    here: Here, version: tuple[tuple[str, str], ...]
) -> None:
    heads = (("Host", "localhost"), *version)
    asks = head_of("POST", "/files/", (*heads, ("Upload-Length", "5")))
    ticket = head_of("POST", "/api/v1/ticket", (*heads, ("Content-Length", "0")))
    async with await Connection.open(here.address) as connection:
        answers = await asked(connection, asks, ticket, asks)
    assert [one.status for one in answers] == [412, 201, 412]
    assert here.answered == []


async def test_who_showed_a_token_need_not_be_found_out_for_each_upload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = known_to("ann"), known_to("bob")
    async with (
        with_logins(tmp_path, monkeypatch) as here,
        await Connection.open(here.address) as connection,
    ):
        answers = await asked(connection, post(ann), post(ann), post(bob), post(bob), post())
        assert [one.status for one in answers] == [201, 201, 201, 201, 401]
        assert here.answered == ["POST", "POST"]
        owners = await here.database.read(Query("SELECT owner FROM uploads ORDER BY created_at"))
    assert [row["owner"] for row in owners] == ["ann", "ann", "bob", "bob"]


async def test_what_is_somebody_elses_is_not_there_in_the_lane_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = known_to("ann"), known_to("bob")
    async with (
        with_logins(tmp_path, monkeypatch) as here,
        await Connection.open(here.address) as connection,
    ):
        mine, other = await asked(connection, post(bob, body=b""), post(ann, body=b""))
        [done] = await asked(connection, patch(mine.headers["location"], bob))
        assert done.status == 204
        here.answered.clear()
        [refused, taken] = await asked(
            connection, patch(other.headers["location"], bob), patch(other.headers["location"], ann)
        )
    assert here.answered == ["PATCH"]
    assert (refused.status, taken.status) == (404, 204)


async def test_a_token_that_has_run_out_is_refused_where_it_was_good_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = known_to("ann", lives=2)
    async with (
        with_logins(tmp_path, monkeypatch, access_resume_grace=0, access_jwt_leeway=0) as here,
        await Connection.open(here.address) as connection,
    ):
        statuses = [answer.status for answer in await asked(connection, post(ann), post(ann))]
        assert here.answered == ["POST"]
        async with asyncio.timeout(20):
            while statuses[-1] == 201:
                statuses += [answer.status for answer in await asked(connection, post(ann))]
    assert set(statuses) == {201, 401}


async def test_where_nothing_is_believed_again_nothing_is_answered_past_aiohttp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = known_to("ann")
    async with (
        with_logins(tmp_path, monkeypatch, access_cache=0) as here,
        await Connection.open(here.address) as connection,
    ):
        answers = await asked(connection, post(ann), post(ann), post(ann))
    assert [one.status for one in answers] == [201] * 3
    assert here.answered == []


async def test_the_lane_keeps_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, value = known_to("ann")
    shown = ((name, value), ("Cookie", "session=0123456789"))
    async with (
        with_logins(tmp_path, monkeypatch) as here,
        await Connection.open(here.address) as connection,
    ):
        await asked(connection, post(*shown), post(*shown))
    assert here.lane is not None
    kept = repr(here.lane._known)
    assert "application/offset+octet-stream" in kept
    assert value.split()[1] not in kept
    assert "0123456789" not in kept


async def test_a_host_that_is_not_ours_is_refused_whoever_came_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serving(tmp_path, monkeypatch, server_allowed_hosts=["localhost"]) as here,
        await Connection.open(here.address) as connection,
    ):
        good = await asked(connection, post(), post())
        assert [one.status for one in good] == [201, 201]
        assert here.answered == ["POST"]
        [refused] = await asked(connection, post().replace(b"Host: localhost", b"Host: elsewhere"))
        assert refused.status >= 400
    assert here.answered == ["POST"]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_odd_heads_are_answered_where_there_is_a_lane_as_elsewhere(
    method: str, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Query('SELECT count(*) AS uploads, sum("offset") AS bytes FROM uploads')

    async def outcome(odd: bytes) -> tuple[Any, tuple[int, int]]:
        async with await Connection.open(here.address) as connection:
            [created] = await asked(connection, post(body=b""))
            [before] = await here.database.read(kept)
            upload_id = created.headers["location"].rpartition("/")[2]
            answers = await asked(connection, odd.replace(b"e" * 32, upload_id.encode()))
            [after] = await here.database.read(kept)
        return without_names(answers), (
            after["uploads"] - before["uploads"],
            after["bytes"] - before["bytes"],
        )

    async with await Connection.open(here.address) as connection:
        [created] = await asked(connection, post(body=b""))
        await asked(connection, post(), patch(created.headers["location"]))
    here.answered.clear()
    for odd in spelled_oddly(post() if method == "POST" else patch("e" * 32)):
        answers, added = await outcome(odd)
        assert added == (0, 0) or answers[0][0] < 400, odd
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(Lane, "take", lambda *_, **__: None)
            assert (answers, added) == await outcome(odd), odd
    assert here.answered.count(method) > 50


async def test_a_head_of_too_many_lines_is_refused_whoever_came_before(here: Here) -> None:
    many = tuple((f"X{number}", "") for number in range(122))
    async with await Connection.open(here.address) as connection:
        good, refused = await asked(connection, post(*many), post(*many, ("Upload-Metadata", "")))
    assert (good.status, refused.status) == (201, 400)


async def test_a_connection_is_closed_when_it_was_idle_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serving(tmp_path, monkeypatch, timeouts_keep_alive="1s") as here,
        await Connection.open(here.address) as connection,
    ):
        loop = asyncio.get_running_loop()
        until = loop.time() + 2.0
        while loop.time() < until:
            assert (await asked(connection, post()))[0].status == 201
        with pytest.raises(NoAnswer):
            await connection.answer()


async def test_what_the_lane_has_is_answered_before_the_server_stops(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await Connection.open(here.address) as connection:
        await asked(connection, post())
        answer, begun, go_on = Lane._answer, asyncio.Event(), asyncio.Event()

        async def slowly(lane: Lane, *args: Any) -> bytes:
            begun.set()
            await go_on.wait()
            return await answer(lane, *args)

        monkeypatch.setattr(Lane, "_answer", slowly)
        await connection.send(post())
        await begun.wait()
        stopping = asyncio.create_task(here.runner.cleanup())
        await asyncio.sleep(0)
        go_on.set()
        assert (await connection.answer()).status == 201
        await stopping
        with pytest.raises(NoAnswer):
            await connection.answer()
