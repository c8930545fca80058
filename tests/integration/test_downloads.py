"""Downloads, with the real program: versions, conditions, the kernel's way out, and signed URLs."""

import asyncio
import hashlib
import json
import os
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.harness.rows import Row, fetch, files_of
from tests.harness.scanned import scanning_settings, send, until_settled, version_of
from tests.harness.server import Server, until
from tests.harness.suspects import Suspect
from tests.harness.wire import Answer, Connection, NoAnswer, head_of, request
from tests.services.clamd import ClamdServer

BIG = 3 << 20
SMALL = b"a small file\n"


def suspect(content: bytes) -> Suspect:
    return Suspect(kind="clean", content=content, verdict="clean")


async def stored(server: Server, content: bytes) -> str:
    """The file id of what was uploaded."""
    row = await version_of(server, await send(server, suspect(content)))
    return str(row["file_id"])


async def get(server: Server, target: str, *headers: tuple[str, str]) -> Answer:
    return await request(server.address, "GET", target, headers)


async def url_of(server: Server, file_id: str) -> str:
    """The path of a signed URL."""
    told = await get(server, f"/api/v1/files/{file_id}/url")
    assert told.status == 200, told.body
    assert told.headers["cache-control"] == "no-store"
    url = json.loads(told.body)["url"]
    assert url.startswith(server.address.url)
    return str(urlsplit(url).path)


async def downloads(server: Server, count: int) -> list[Row]:
    """The events of downloads, once there are so many."""
    async with asyncio.timeout(10):
        while (
            len(found := await fetch(server, "SELECT * FROM events WHERE kind = 'file.downloaded'")) < count
        ):
            await asyncio.sleep(0.05)
    return found


def command(server: Server, *arguments: str) -> str:
    given = server.command(arguments[0], *arguments[1:])
    done = subprocess.run(given, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def big() -> bytes:
    return os.urandom(BIG)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_large_files_arrive_whole_and_in_ranges_on_one_connection(
    tmp_path: Path, big: bytes, loop: str
) -> None:
    async with Server(folder=tmp_path, settings={"server.event_loop": loop}) as server:
        file_id = await stored(server, big)
        async with await Connection.open(server.address) as connection:
            for wanted, status, expected in (
                ("", 200, big),
                ("bytes=7-", 206, big[7:]),
                ("bytes=1000-2999999", 206, big[1000:3000000]),
                ("bytes=-10", 206, big[-10:]),
                ("bytes=0-0", 206, big[:1]),
                ("bytes=5-1,9-", 200, big),
            ):
                headers = [("Host", "localhost"), *([("Range", wanted)] if wanted else [])]
                await connection.send(head_of("GET", f"/file/{file_id}", headers))
                answer = await connection.answer()
                assert (answer.status, answer.body == expected) == (status, True), wanted
        assert (await get(server, f"/file/{file_id}", ("Range", f"bytes={BIG}-"))).status == 416


async def test_many_large_downloads_at_once_are_all_right(server: Server, big: bytes) -> None:
    file_id = await stored(server, big)
    wanted = hashlib.sha256(big).digest()
    got = await asyncio.gather(*(get(server, f"/file/{file_id}") for _ in range(20)))
    assert {hashlib.sha256(answer.body).digest() for answer in got} == {wanted}


@pytest.mark.parametrize("sendfile", ["true", "false"])
async def test_a_reader_that_takes_nothing_is_cut(tmp_path: Path, sendfile: str) -> None:
    settings = {"timeouts.send": "1s", "downloads.sendfile": sendfile}
    async with Server(folder=tmp_path, settings=settings) as server:
        file_id = await stored(server, bytes(64 << 20))
        reader, writer = await asyncio.open_connection(
            server.address.host, server.address.port, limit=1 << 12
        )
        writer.write(head_of("GET", f"/file/{file_id}", [("Host", "localhost")]))
        await reader.readuntil(b"\r\n\r\n")
        await until(lambda: "download.stalled" in server.log, "it is cut", 20)
        rest = 0
        try:
            while block := await reader.read(1 << 20):
                rest += len(block)
        except ConnectionError:
            pass
        assert rest < 64 << 20
        writer.close()
        # The server goes on, with the thread and the descriptors that it had.
        assert (await get(server, f"/file/{file_id}", ("Range", "bytes=0-9"))).status == 206


async def test_a_file_that_is_cut_short_behind_our_back_is_never_padded(server: Server, big: bytes) -> None:
    file_id = await stored(server, big)
    (path,) = files_of(server)
    os.truncate(path, BIG - 1)
    short = await get(server, f"/file/{file_id}")
    assert (short.status, json.loads(short.body)["code"]) == (503, "ERR_UNAVAILABLE")
    part = await get(server, f"/file/{file_id}", ("Range", "bytes=0-999999"))
    assert (part.status, part.body == big[:1000000]) == (206, True)


async def test_a_reader_that_leaves_does_no_harm(server: Server, big: bytes) -> None:
    file_id = await stored(server, big)
    for _ in range(10):
        connection = await Connection.open(server.address)
        await connection.send(head_of("GET", f"/file/{file_id}", [("Host", "localhost")]))
        connection.cut()
    assert (await get(server, f"/file/{file_id}")).body == big
    assert "Traceback" not in server.log


async def test_versions_are_fetched_by_number(shared_server: Server) -> None:
    file_id = await stored(shared_server, SMALL)
    assert (await get(shared_server, f"/file/{file_id}?version=1")).body == SMALL
    assert (await get(shared_server, f"/file/{file_id}?version=2")).status == 404
    for bad in ("0", "-1", "x", "1.0", "", "9" * 400, "%2b1", "1&version=1"):
        refused = await get(shared_server, f"/file/{file_id}?version={bad}")
        assert (refused.status, json.loads(refused.body)["code"]) == (400, "ERR_INVALID_QUERY"), bad


async def test_conditions_are_answered_before_bytes(shared_server: Server) -> None:
    target = f"/file/{await stored(shared_server, SMALL)}"
    first = await get(shared_server, target)
    etag, modified = first.headers["etag"], first.headers["last-modified"]
    for header, value, status in (
        ("If-None-Match", etag, 304),
        ("If-None-Match", '"other"', 200),
        ("If-Modified-Since", modified, 304),
        ("If-Match", etag, 200),
        ("If-Match", '"other"', 412),
        ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 412),
    ):
        assert (await get(shared_server, target, (header, value))).status == status, header
    ranged = [("Range", "bytes=2-3"), ("If-Range", etag)]
    assert (await get(shared_server, target, *ranged)).body == SMALL[2:4]
    assert (await get(shared_server, target, ("Range", "bytes=2-3"), ("If-Range", '"x"'))).body == SMALL


async def test_whatever_is_fetched_runs_nowhere(shared_server: Server) -> None:
    file_id = await stored(shared_server, SMALL)
    for target in (f"/file/{file_id}", await url_of(shared_server, file_id)):
        headers = (await get(shared_server, target)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert headers["content-disposition"].startswith("attachment")
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"].startswith("private, no-")


# --- signed URLs


async def test_a_signed_url_opens_its_file_until_it_ends(tmp_path: Path, big: bytes) -> None:
    async with Server(folder=tmp_path, settings={"downloads.url_expiry": "6s"}) as server:
        path = await url_of(server, await stored(server, big))
        head = await request(server.address, "HEAD", path)
        assert (head.status, head.headers["content-length"]) == (200, str(BIG))
        answer = await get(server, path)
        assert (answer.status, answer.body == big) == (200, True)
        assert answer.headers["cache-control"] == "private, no-store"
        async with asyncio.timeout(30):
            while (ended := await get(server, path, ("Range", "bytes=0-0"))).status == 206:
                await asyncio.sleep(0.1)
        assert (ended.status, json.loads(ended.body)["code"]) == (403, "ERR_LINK_REFUSED")


async def test_no_other_url_is_one(shared_server: Server) -> None:
    path = await url_of(shared_server, await stored(shared_server, SMALL))
    other = await url_of(shared_server, await stored(shared_server, SMALL + SMALL))
    payload, _, signature = path.removeprefix("/s/").partition(".")
    places = range(0, len(path) - 3, 7)
    changed = [path[: 3 + at] + ("A" if path[3 + at] != "A" else "B") + path[4 + at :] for at in places]
    mixed = f"/s/{payload}.{other.rpartition('.')[2]}"
    for bad in (*changed, mixed, path[:-1], path + "A", f"/s/{payload}.", f"/s/.{signature}"):
        refused = await get(shared_server, bad)
        assert refused.status in (403, 404), bad
        assert SMALL not in refused.body


async def test_a_deleted_file_closes_its_urls(server: Server) -> None:
    sent = await send(server, suspect(SMALL))
    path = await url_of(server, str((await version_of(server, sent))["file_id"]))
    assert (await get(server, path)).status == 200
    gone = await request(server.address, "DELETE", sent.target, [("Tus-Resumable", "1.0.0")])
    assert gone.status == 204
    assert (await get(server, path)).status == 410


async def test_a_quarantine_closes_urls_that_were_given_before(
    tmp_path: Path, own_clamd: ClamdServer
) -> None:
    async with Server(folder=tmp_path, settings=scanning_settings(own_clamd.socket)) as server:
        sent = await send(server, suspect(SMALL))
        await until_settled(server)
        path = await url_of(server, str((await version_of(server, sent))["file_id"]))
        assert (await get(server, path)).body == SMALL
        with closing(sqlite3.connect(server.data / ".tusd/tusd.db", timeout=20)) as rows:
            rows.execute("UPDATE versions SET verdict = 'infected'")
            rows.commit()
        assert (await get(server, path)).status == 403


async def test_rotated_keys_leave_urls_alone_unless_told_otherwise(server: Server) -> None:
    file_id = await stored(server, SMALL)
    old = await url_of(server, file_id)
    said = await asyncio.to_thread(command, server, "signing-keys", "rotate")
    assert "signs from now on" in said
    new = await url_of(server, file_id)
    assert [(await get(server, path)).status for path in (old, new)] == [200, 200]
    assert len((await asyncio.to_thread(command, server, "signing-keys", "list")).splitlines()) == 3
    await asyncio.to_thread(command, server, "signing-keys", "rotate", "--at-once")
    assert [(await get(server, path)).status for path in (old, new)] == [403, 403]
    assert (await get(server, await url_of(server, file_id))).status == 200


async def test_downloads_are_sent_to_signed_urls_where_that_is_wanted(tmp_path: Path) -> None:
    async with Server(folder=tmp_path, settings={"downloads.mode": "link"}) as server:
        file_id = await stored(server, SMALL)
        sent = await get(server, f"/file/{file_id}?version=1")
        assert (sent.status, sent.headers["cache-control"]) == (302, "no-store")
        assert (await get(server, urlsplit(sent.headers["location"]).path)).body == SMALL
        head = await request(server.address, "HEAD", f"/file/{file_id}")
        assert (head.status, head.headers["content-length"]) == (200, str(len(SMALL)))


# --- the journal


async def test_each_download_is_an_event_and_further_ranges_are_not(server: Server, big: bytes) -> None:
    file_id = await stored(server, big)
    for wanted in ("bytes=0-9", "bytes=10-19", "bytes=20-2000000"):
        assert (await get(server, f"/file/{file_id}", ("Range", wanted))).status == 206
    await get(server, f"/file/{file_id}")
    await request(server.address, "HEAD", f"/file/{file_id}")
    await get(server, await url_of(server, file_id))
    await server.stop()
    told = await downloads(server, 3)
    assert [json.loads(row["data"]) for row in told] == [
        {"version": 1, "via": "file", "range": 1, "client": "127.0.0.1"},
        {"version": 1, "via": "file", "range": 0, "client": "127.0.0.1"},
        {"version": 1, "via": "url", "range": 0, "client": "127.0.0.1"},
    ]
    assert {(row["actor"], row["file_id"]) for row in told} == {("anonymous", file_id)}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"downloads.record": "false"}, []),
        ({"downloads.record_addresses": "false"}, [{"version": 1, "via": "file", "range": 0}]),
    ],
)
async def test_what_is_kept_of_readers_is_the_operators_choice(
    tmp_path: Path, settings: dict[str, str], expected: list[dict[str, object]]
) -> None:
    async with Server(folder=tmp_path, settings=settings) as server:
        await get(server, f"/file/{await stored(server, SMALL)}")
        await server.stop()
        assert [json.loads(row["data"]) for row in await downloads(server, len(expected))] == expected


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[Server]:
    async with Server(folder=tmp_path, settings={"log.level": "debug"}) as running:
        yield running


async def test_no_secret_of_a_url_reaches_the_log(quiet: Server) -> None:
    file_id = await stored(quiet, SMALL)
    path = await url_of(quiet, file_id)
    told = await request(
        quiet.address,
        "POST",
        f"/api/v1/files/{file_id}/links",
        [("Content-Type", "application/json")],
        b"{}",
    )
    link = urlsplit(json.loads(told.body)["url"]).path
    for target in (path, link, path[:-1], link + "x", link + "/x"):
        await get(quiet, target)
    secrets = [target.removeprefix("/s/") for target in (path, link)]
    assert "/s/***" in quiet.log
    for secret in secrets:
        assert secret not in quiet.log
        assert secret.rpartition(".")[2][:40] not in quiet.log


async def test_a_download_that_is_cut_is_told_as_one(server: Server) -> None:
    file_id = await stored(server, bytes(16 << 20))
    async with await Connection.open(server.address) as connection:
        await connection.send(head_of("GET", f"/file/{file_id}", [("Host", "localhost")]))
        await server.kill9()
        with pytest.raises(NoAnswer):
            await connection.answer()
