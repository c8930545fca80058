"""The face of the IETF draft over real sockets: ways to completion, interruptions, what is told and when.

Sections are those of the draft (-12).
"""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256, sha512
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.access.issuer import bearer, jwt_settings, token
from tests.harness.content import Content
from tests.harness.ietf import PARTIAL, VERSION, IetfClient, place_of
from tests.harness.rows import fetch
from tests.harness.scanned import scanning_settings
from tests.harness.server import Server
from tests.harness.tus import BYTES, RESUMABLE, Framing
from tests.harness.wire import Answer, Connection, Interim, head_of, request
from tests.services.clamd import ClamdServer

from .test_hooks import HookReceiver, settings_for

KIB, MIB = 1 << 10, 1 << 20
STEP = 256 * KIB
"""Bytes between checkpoints, and of the largest upload that is taken in one go."""
TYPES = "https://iana.org/assignments/http-problem-types#"
WHOLE = Content(seed=9114, length=MIB).read(0, MIB)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real program, which saves often, for the tests that do not harm it."""
    settings = {"uploads.checkpoint_bytes": "256KiB"}
    running = Server(folder=tmp_path_factory.mktemp("ietf"), settings=settings)
    asyncio.run(running.start())
    yield running
    asyncio.run(running.stop())


@pytest.fixture
def client(shared: Server) -> IetfClient:
    return IetfClient(address=shared.address)


async def content_at(client: IetfClient, target: str) -> bytes:
    """What a browser gets."""
    answer = await IetfClient(address=client.address, version=None, headers=client.headers).ask("GET", target)
    assert answer.status == 200, answer.body
    return answer.body


def problem(answer: Answer) -> dict[str, Any]:
    """What a refusal says; each denies that the upload is complete."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["upload-complete"] == "?0"
    assert "tus-resumable" not in answer.headers
    document: dict[str, Any] = json.loads(answer.body)
    assert document["status"] == answer.status
    return document


def state_of(answer: Answer) -> tuple[int, int | None, str, str | None]:
    """Status, offset, completeness, length."""
    headers = answer.headers
    return answer.status, answer.offset, headers["upload-complete"], headers.get("upload-length")


async def begun(client: IetfClient, length: int | None = None, body: bytes = b"") -> str:
    """The path of an upload that has `body`, of which more is to come."""
    said = () if length is None else (("Upload-Length", str(length)),)
    created = await client.create(body, *said, complete=False)
    assert (created.status, created.offset) == (201, len(body))
    return place_of(created)


async def until_saved(connection: Connection, offset: int) -> int:
    """Read interim answers until one says that so many bytes are safe; how many are."""
    while True:
        told = await connection.interim()
        if int(told.headers.get("upload-offset", 0)) >= offset:
            return int(told.headers["upload-offset"])


@asynccontextmanager
async def live_writer(client: IetfClient, length: int | None = MIB) -> AsyncIterator[tuple[str, Connection]]:
    """An upload whose last append has sent 600 KB of a MiB, of which 256 KiB at least are safe, and waits."""
    target = await begun(client, length)
    async with await client.begin_append(target, 0, MIB, complete=True) as connection:
        await connection.send(WHOLE[:600_000])
        await until_saved(connection, STEP)
        yield target, connection


async def completed(client: IetfClient, target: str, offset: int) -> None:
    """Go on from there to the end, and compare."""
    last = await client.append(target, offset, WHOLE[offset:], complete=True)
    assert (last.status, last.headers["upload-complete"]) == (201, "?1"), last.body
    assert await content_at(client, target) == WHOLE


# --- ways to completion


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("size", [0, 1, 1000, STEP, STEP + 1, MIB])
async def test_a_creation_that_brings_everything_is_complete(
    client: IetfClient, framing: Framing, size: int
) -> None:
    created = await client.create(WHOLE[:size], complete=True, framing=framing)
    assert (created.status, created.offset, created.headers["upload-complete"]) == (201, size, "?1")
    assert created.headers["cache-control"] == "no-store"
    assert "upload-limit" in created.headers
    target = place_of(created)
    assert state_of(await client.ask("HEAD", target)) == (204, size, "?1", str(size))
    assert await content_at(client, target) == WHOLE[:size]


async def test_a_put_creates_like_a_post(client: IetfClient) -> None:
    """Any method with content does (4.2.1)."""
    said = [("Upload-Complete", "?1"), (VERSION, "9")]
    made = await request(client.address, "PUT", "/files/", said, b"hello")
    assert (made.status, made.headers["upload-complete"]) == (201, "?1")
    assert await content_at(client, place_of(made)) == b"hello"
    refused = await request(client.address, "PUT", place_of(made), said, b"hello")
    assert refused.status == 405


@pytest.mark.parametrize("target", ["/files/", "/files"])
async def test_an_append_to_no_upload_makes_none_of_its_bytes(client: IetfClient, target: str) -> None:
    """A client that lost the end of a URL must not hear that its upload is complete."""
    said = [("Upload-Complete", "?1"), ("Upload-Offset", "500"), PARTIAL]
    refused = await request(client.address, "PATCH", target, said, b"the tail")
    assert (refused.status, refused.headers["allow"]) == (405, "POST, OPTIONS")
    problem(refused)


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("size", [0, 1000, MIB])
async def test_a_creation_that_brings_a_beginning_is_not(
    client: IetfClient, framing: Framing, size: int
) -> None:
    created = await client.create(WHOLE[:size], complete=False, framing=framing)
    assert (created.status, created.offset, created.headers["upload-complete"]) == (201, size, "?0")
    target = place_of(created)
    assert state_of(await client.ask("HEAD", target)) == (204, size, "?0", None)


@pytest.mark.parametrize("length", [None, 5000])
@pytest.mark.parametrize("framing", Framing)
async def test_an_upload_comes_in_as_many_appends_as_its_client_likes(
    client: IetfClient, length: int | None, framing: Framing
) -> None:
    target = await begun(client, length, WHOLE[:1000])
    middle = await client.append(target, 1000, WHOLE[1000:3000], complete=False, framing=framing)
    assert (middle.status, middle.offset, middle.headers["upload-complete"]) == (204, 3000, "?0")
    assert "location" not in middle.headers
    last = await client.append(target, 3000, WHOLE[3000:5000], complete=True, framing=framing)
    assert (last.status, last.offset, last.headers["upload-complete"]) == (201, 5000, "?1")
    assert place_of(last) == target
    assert await content_at(client, target) == WHOLE[:5000]


@pytest.mark.parametrize("length", [None, 0, 1000, STEP + 1])
async def test_all_bytes_without_the_word_are_not_complete_and_an_empty_append_says_it(
    shared: Server, client: IetfClient, length: int | None
) -> None:
    size = 1000 if length is None else length
    target = await begun(client, length, WHOLE[:size])
    told = None if length is None else str(length)
    assert state_of(await client.ask("HEAD", target)) == (204, size, "?0", told)
    assert state_of(await client.ask("GET", target)) == (204, size, "?0", told)
    upload_id = target.rpartition("/")[2]
    assert await fetch(shared, f"SELECT * FROM versions WHERE upload_id = '{upload_id}'") == []
    done = await client.append(target, size, b"", complete=True)
    assert (done.status, done.offset, done.headers["upload-complete"]) == (201, size, "?1")
    assert state_of(await client.ask("HEAD", target)) == (204, size, "?1", str(size))
    assert await content_at(client, target) == WHOLE[:size]


@pytest.mark.parametrize("framing", Framing)
async def test_an_upload_of_nothing_may_be_completed_in_a_second_request(
    client: IetfClient, framing: Framing
) -> None:
    target = await begun(client)
    done = await client.append(target, 0, b"", complete=True, framing=framing)
    assert (done.status, done.offset, done.headers["upload-complete"]) == (201, 0, "?1")
    assert await content_at(client, target) == b""


async def test_the_length_may_be_told_by_any_append_and_stays(client: IetfClient) -> None:
    target = await begun(client, None, b"01234")
    length = ("Upload-Length", "10")
    assert (await client.append(target, 5, b"56", length, complete=False)).status == 204
    assert state_of(await client.ask("HEAD", target)) == (204, 7, "?0", "10")
    for other in ("9", "11"):
        refused = await client.append(target, 7, b"7", ("Upload-Length", other), complete=False)
        assert refused.status == 400
        assert problem(refused)["type"] == TYPES + "inconsistent-upload-length"
    assert (await client.append(target, 7, b"789", length, complete=True)).status == 201


async def test_whoever_missed_the_final_answer_gets_it_again(client: IetfClient) -> None:
    created = await client.create(b"hello", complete=True)
    target = place_of(created)
    for framing in Framing:
        again = await client.append(target, 5, b"", complete=True, framing=framing)
        assert again.status == 201
        for name in ("location", "upload-complete", "upload-offset", "upload-limit", "cache-control"):
            assert again.headers[name] == created.headers[name]


async def test_nothing_can_be_added_to_a_complete_upload(client: IetfClient) -> None:
    target = place_of(await client.create(b"hello", complete=True))
    more = await client.append(target, 5, b"", complete=False)
    assert (more.status, problem(more)["code"]) == (400, "ERR_UPLOAD_COMPLETE")
    for framing in Framing:
        for complete in (False, True):
            refused = await client.append(target, 5, b"x", complete=complete, framing=framing)
            assert 400 <= refused.status < 500
            problem(refused)
    elsewhere = await client.append(target, 3, b"", complete=True)
    assert (elsewhere.status, elsewhere.offset) == (409, 5)
    assert state_of(await client.ask("HEAD", target)) == (204, 5, "?1", "5")
    assert await content_at(client, target) == b"hello"


# --- interim answers


async def test_a_client_hears_where_to_go_on_before_its_body_is_there(client: IetfClient) -> None:
    async with await client.begin_creation(MIB, complete=True) as connection:
        told = await connection.interim()
        assert told.status == 104
        assert set(told.headers) == {VERSION.lower(), "location", "upload-limit"}
        assert told.headers[VERSION.lower()] == "9"
        await connection.send(WHOLE)
        final = await connection.answer("POST")
    assert (final.status, final.headers["location"]) == (201, told.headers["location"])
    assert final.headers["upload-limit"].startswith("m")


async def test_both_kinds_of_interim_answers_come_in_order(client: IetfClient) -> None:
    """Where to go on, then how far it is; every offset is safe when it is told (RUFH-CRE-6)."""
    async with await client.begin_creation(MIB, complete=True) as connection:
        told = [await connection.interim()]
        for start in range(0, MIB - 1, STEP):
            await connection.send(WHOLE[start : min(start + STEP, MIB - 1)])
        await until_saved(connection, STEP)
        await connection.send(WHOLE[-1:])
        final = await connection.answer("POST")
    offsets = [int(one.headers["upload-offset"]) for one in final.interims]
    assert offsets == sorted(offsets)
    assert all(0 < offset < MIB for offset in offsets)
    assert all(set(one.headers) == {VERSION.lower(), "upload-offset"} for one in final.interims)
    assert "location" in told[0].headers
    assert final.offset == MIB


async def test_an_append_tells_how_far_it_is_and_not_where(client: IetfClient) -> None:
    target = await begun(client)
    async with await client.begin_append(target, 0, MIB, complete=True) as connection:
        await connection.send(WHOLE[:600_000])
        told = await connection.interim()
        assert (told.status, set(told.headers)) == (104, {VERSION.lower(), "upload-offset"})
        assert STEP <= int(told.headers["upload-offset"]) <= 600_000
        await connection.send(WHOLE[600_000:])
        final = await connection.answer("PATCH")
    assert (final.status, final.offset) == (201, MIB)


async def test_what_is_small_and_whole_needs_no_interim_answer(client: IetfClient) -> None:
    created = await client.create(b"hello", complete=True)
    assert (created.status, created.interims) == (201, ())


@pytest.mark.parametrize("version", [None, 2, 10])
async def test_without_a_version_that_is_spoken_no_interim_answer_is_sent(
    shared: Server, version: int | None
) -> None:
    """And all the rest is as ever (RUFH-VER-1)."""
    client = IetfClient(address=shared.address, version=version)
    for complete in (True, False):
        created = await client.create(WHOLE, complete=complete)
        assert (created.status, created.interims) == (201, ())
        assert created.headers["upload-complete"] == ("?1" if complete else "?0")
    last = await client.append(place_of(created), MIB, WHOLE, complete=True)
    assert (last.status, last.offset, last.interims) == (201, 2 * MIB, ())


async def test_a_client_of_http_1_0_gets_no_interim_answer(shared: Server) -> None:
    headers = (("Upload-Complete", "?1"), (VERSION, "9"), ("Content-Length", str(MIB)))
    head = head_of("POST", "/files/", headers).replace(b"HTTP/1.1", b"HTTP/1.0")
    async with await Connection.open(shared.address) as connection:
        await connection.send(head, WHOLE)
        final = await connection.answer("POST")
    assert (final.status, final.offset, final.interims) == (201, MIB, ())


async def test_a_client_that_waits_for_100_gets_it_beside_104(client: IetfClient) -> None:
    """ "the server MUST NOT omit the 100 (Continue) response" (5)."""
    expecting = ("Expect", "100-continue")
    async with await client.begin_creation(MIB, expecting, complete=True) as connection:
        told = [await connection.interim(), await connection.interim()]
        assert sorted(one.status for one in told) == [100, 104]
        await connection.send(WHOLE)
        assert (await connection.answer("POST")).status == 201
    target = await begun(client)
    async with await client.begin_append(target, 0, MIB, expecting, complete=True) as connection:
        assert (await connection.interim()).status == 100
        await connection.send(WHOLE)
        assert (await connection.answer("PATCH")).status == 201


@pytest.mark.parametrize("via", ["X-Forwarded-For", "Forwarded"])
async def test_behind_a_proxy_no_interim_answer_is_sent(shared: Server, via: str) -> None:
    client = IetfClient(address=shared.address, headers=((via, "192.0.2.1"),))
    created = await client.create(WHOLE, complete=True)
    assert (created.status, created.interims) == (201, ())


# --- interruptions


async def test_a_creation_that_is_cut_keeps_its_bytes_and_is_not_complete(client: IetfClient) -> None:
    async with await client.begin_creation(MIB, complete=True) as connection:
        target = place_of(await connection.interim())
        await connection.send(WHOLE[:600_000])
        safe = await until_saved(connection, STEP)
        connection.cut()
    status, offset, complete, length = state_of(await client.ask("HEAD", target))
    # The length was told by Content-Length (RUFH-CRE-7).
    assert (status, complete, length) == (204, "?0", str(MIB))
    assert offset is not None
    assert safe <= offset <= 600_000
    await completed(client, target, offset)


async def test_an_append_of_unknown_length_that_is_cut_is_not_complete(client: IetfClient) -> None:
    target = await begun(client)
    headers = (
        *(("Host", "localhost"), (VERSION, "9"), PARTIAL, ("Transfer-Encoding", "chunked")),
        *(("Upload-Offset", "0"), ("Upload-Complete", "?1")),
    )
    async with await Connection.open(client.address) as connection:
        await connection.send(head_of("PATCH", target, headers), b"493e0\r\n", WHOLE[:300_000], b"\r\n")
        safe = await until_saved(connection, STEP)
        connection.cut()
    answer = await client.ask("HEAD", target)
    assert (answer.status, answer.headers["upload-complete"]) == (204, "?0")
    assert "upload-length" not in answer.headers
    assert answer.offset is not None
    assert safe <= answer.offset <= 300_000
    await completed(client, target, answer.offset)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_whoever_asks_for_the_offset_ends_a_live_writer_first(client: IetfClient, method: str) -> None:
    async with live_writer(client) as (target, writer):
        status, offset, complete, _ = state_of(await client.ask(method, target))
        assert (status, complete) == (204, "?0")
        assert offset is not None
        assert STEP <= offset <= 600_000
        interrupted = await writer.answer("PATCH")
    assert interrupted.status == 503
    assert problem(interrupted)["code"] == "ERR_UPLOAD_INTERRUPTED"
    assert "retry-after" in interrupted.headers
    await completed(client, target, offset)


async def test_a_get_without_a_version_is_a_download_and_ends_no_writer(client: IetfClient) -> None:
    """curl, browsers and link previews ask like this (RUFH-HEAD-2)."""
    unnamed = IetfClient(address=client.address, version=None)
    async with live_writer(client) as (target, writer):
        looked = await unnamed.ask("GET", target)
        assert (looked.status, looked.offset, looked.headers["tus-resumable"]) == (409, None, "1.0.0")
        await writer.send(WHOLE[600_000:])
        assert (await writer.answer("PATCH")).status == 201
    assert (await unnamed.ask("GET", target)).body == WHOLE
    assert state_of(await client.ask("GET", target)) == (204, MIB, "?1", str(MIB))


@pytest.mark.parametrize("sent", [0, 1, MIB])
async def test_a_wrong_offset_is_409_with_the_right_one_also_while_somebody_writes(
    client: IetfClient, sent: int
) -> None:
    async with live_writer(client) as (target, writer):
        refused = await client.append(target, sent, b"x", complete=False)
        assert refused.status == 409
        offset = refused.offset
        assert offset is not None
        assert STEP <= offset <= 600_000
        document = problem(refused)
        assert document["type"] == TYPES + "mismatching-upload-offset"
        assert (document["expected-offset"], document["provided-offset"]) == (offset, sent)
        assert (await writer.answer("PATCH")).status == 503
    await completed(client, target, offset)


async def test_a_second_append_takes_over_from_a_first_that_hangs(client: IetfClient) -> None:
    async with live_writer(client) as (target, writer):
        offset = (await client.ask("HEAD", target)).offset
        assert offset is not None
        assert (await writer.answer("PATCH")).status == 503
        async with await client.begin_append(target, offset, MIB - offset, complete=True) as second:
            await second.send(WHOLE[offset : offset + 300_000])
            await until_saved(second, offset + STEP)
            # A third one, whose client knows nothing of the second.
            told = await client.append(target, offset, WHOLE[offset:], complete=True)
            assert told.status == 409
            assert told.offset is not None
            assert told.offset >= offset + STEP
            assert (await second.answer("PATCH")).status == 503
    await completed(client, target, told.offset)


@pytest.mark.parametrize("length", [None, MIB])
async def test_delete_ends_an_upload_and_whoever_writes_to_it(client: IetfClient, length: int | None) -> None:
    async with live_writer(client, length) as (target, writer):
        deleted = await client.ask("DELETE", target)
        assert (deleted.status, deleted.body) == (204, b"")
        assert "tus-resumable" not in deleted.headers
        assert (await writer.answer("PATCH")).status == 410
    for method in ("HEAD", "GET", "DELETE"):
        assert (await client.ask(method, target)).status == 410
    assert (await client.append(target, STEP, b"x", complete=True)).status == 410


async def test_a_complete_upload_can_be_deleted(client: IetfClient) -> None:
    target = place_of(await client.create(b"hello", complete=True))
    assert (await client.ask("DELETE", target)).status == 204
    assert (await client.ask("HEAD", target)).status == 410


async def test_a_server_that_stops_says_what_it_has_and_goes_on_after(tmp_path: Path) -> None:
    async with Server(folder=tmp_path, settings={"uploads.checkpoint_bytes": "256KiB"}) as server:
        client = IetfClient(address=server.address)
        async with await client.begin_creation(MIB, complete=True) as connection:
            target = place_of(await connection.interim())
            await connection.send(WHOLE[:600_000])
            safe = await until_saved(connection, STEP)
            server.process.terminate()
            stopped = await connection.answer("POST")
        assert (stopped.status, problem(stopped)["code"]) == (503, "ERR_SERVER_SHUTDOWN")
        assert place_of(stopped) == target
        offset = stopped.offset
        assert offset is not None
        assert safe <= offset <= 600_000
        await server.stop()
        await server.start()
        assert state_of(await client.ask("HEAD", target)) == (204, offset, "?0", str(MIB))
        await completed(client, target, offset)


# --- lengths that are not kept


async def test_more_than_the_length_in_a_chunked_body_ends_the_upload(client: IetfClient) -> None:
    """ "marking the upload resource invalid and rejecting any further interaction" (4.4.2)."""
    target = await begun(client, 10, b"01234")
    refused = await client.append(target, 5, b"567890", complete=False, framing=Framing.CHUNKED)
    assert (refused.status, problem(refused)["code"]) == (400, "ERR_UPLOAD_SIZE_EXCEEDED")
    for method in ("HEAD", "GET", "DELETE"):
        assert (await client.ask(method, target)).status == 410
    assert (await client.append(target, 5, b"56789", complete=True)).status == 410


async def test_the_same_where_the_append_itself_tells_the_length(client: IetfClient) -> None:
    target = await begun(client, None, b"01234")
    length = ("Upload-Length", "10")
    refused = await client.append(target, 5, b"567890", length, complete=False, framing=Framing.CHUNKED)
    assert (refused.status, problem(refused)["code"]) == (400, "ERR_UPLOAD_SIZE_EXCEEDED")
    assert (await client.ask("HEAD", target)).status == 410


async def test_more_than_the_largest_size_does_not_as_no_length_was_agreed_on(guarded: Server) -> None:
    ann = user(guarded, "ann")
    target = await begun(ann, None, b"hello")
    refused = await ann.append(target, 5, bytes(2 * MIB), complete=False, framing=Framing.CHUNKED)
    assert (refused.status, problem(refused)["code"]) == (413, "ERR_MAX_SIZE_EXCEEDED")
    assert (await ann.ask("HEAD", target)).status == 204


async def test_more_than_the_length_that_is_announced_is_refused_before_it_does_harm(
    client: IetfClient,
) -> None:
    target = await begun(client, 10, b"01234")
    async with await client.begin_append(target, 5, 6, complete=False) as connection:
        refused = await connection.answer("PATCH")
    assert refused.status == 400
    assert problem(refused)["type"] == TYPES + "inconsistent-upload-length"
    assert (await client.append(target, 5, b"56789", complete=True)).status == 201


@pytest.mark.parametrize("framing", Framing)
async def test_less_than_the_length_that_is_called_the_end_is_refused_and_the_upload_stays_open(
    client: IetfClient, framing: Framing
) -> None:
    target = await begun(client, 10, b"01234")
    refused = await client.append(target, 5, b"567", complete=True, framing=framing)
    assert refused.status == 400
    assert problem(refused)["type"] == TYPES + "inconsistent-upload-length"
    assert state_of(await client.ask("HEAD", target)) == (204, 5, "?0", "10")
    assert (await client.append(target, 5, b"56789", complete=True, framing=framing)).status == 201
    assert await content_at(client, target) == b"0123456789"


@pytest.mark.parametrize(
    ("complete", "framing", "length"),
    [
        (True, Framing.LENGTH, "100"),
        (True, Framing.CHUNKED, "100"),
        (True, Framing.LENGTH, "4"),
        (True, Framing.CHUNKED, "4"),
        (False, Framing.LENGTH, "4"),
        (False, Framing.CHUNKED, "4"),
    ],
)
async def test_a_creation_that_contradicts_itself_is_refused(
    client: IetfClient, complete: bool, framing: Framing, length: str
) -> None:
    said = ("Upload-Length", length)
    refused = await client.create(b"hello", said, complete=complete, framing=framing)
    assert refused.status == 400
    assert problem(refused)["type"] == TYPES + "inconsistent-upload-length"
    assert "location" not in refused.headers
    for told in refused.interims:
        assert (await client.ask("HEAD", place_of(told))).status == 410


# --- bodies


def digest_of(content: bytes, field: str = "Content-Digest") -> tuple[str, str]:
    return (field, f"sha-256=:{b64encode(sha256(content).digest()).decode()}:")


def whole(content: bytes) -> tuple[str, str]:
    return digest_of(content, "Repr-Digest")


@pytest.mark.parametrize("size", [1000, MIB])
async def test_a_body_is_taken_only_with_the_digest_that_it_has(client: IetfClient, size: int) -> None:
    content = WHOLE[:size]
    for complete in (True, False):
        created = await client.create(content, digest_of(content), complete=complete)
        assert (created.status, created.offset) == (201, size)
        refused = await client.create(content, digest_of(b"other"), complete=complete)
        assert (refused.status, problem(refused)["code"]) == (400, "ERR_CHECKSUM_MISMATCH")
    target = place_of(created)
    for complete in (True, False):
        refused = await client.append(target, size, content, digest_of(b"other"), complete=complete)
        assert (refused.status, problem(refused)["code"]) == (400, "ERR_CHECKSUM_MISMATCH")
        assert state_of(await client.ask("HEAD", target)) == (204, size, "?0", None)
    last = await client.append(target, size, content, digest_of(content), complete=True)
    assert (last.status, last.offset) == (201, 2 * size)
    assert await content_at(client, target) == content + content


async def test_an_empty_append_may_have_a_digest_too(client: IetfClient) -> None:
    target = await begun(client, None, b"hello")
    refused = await client.append(target, 5, b"", digest_of(b"other"), complete=True)
    assert refused.status == 400
    assert state_of(await client.ask("HEAD", target)) == (204, 5, "?0", None)
    assert (await client.append(target, 5, b"", digest_of(b""), complete=True)).status == 201


async def test_digests_that_nobody_knows_are_passed_over(client: IetfClient) -> None:
    unknown = ("Content-Digest", "sha-3=:AAAA:, md5=:AAAA:")
    assert (await client.create(b"hello", unknown, complete=True)).status == 201
    short = await client.create(b"hello", ("Content-Digest", "sha-256=:AAAA:"), complete=True)
    assert (short.status, problem(short)["code"]) == (400, "ERR_INVALID_HEADER")


@pytest.mark.parametrize("size", [1000, MIB])
async def test_of_two_digests_both_have_to_be_right(client: IetfClient, size: int) -> None:
    content = WHOLE[:size]
    for wrong in ("sha-256", "sha-512"):
        digests = {"sha-256": sha256(content).digest(), "sha-512": sha512(content).digest()}
        digests[wrong] = bytes(len(digests[wrong]))
        said = ", ".join(f"{name}=:{b64encode(digest).decode()}:" for name, digest in digests.items())
        refused = await client.create(content, ("Content-Digest", said), complete=True)
        assert (refused.status, problem(refused)["code"]) == (400, "ERR_CHECKSUM_MISMATCH")


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("size", [0, 1000, MIB])
async def test_an_upload_that_comes_at_once_is_checked_against_its_digest(
    client: IetfClient, size: int, framing: Framing
) -> None:
    """Repr-Digest: not of this body, but of all."""
    content = WHOLE[:size]
    created = await client.create(content, whole(content), complete=True, framing=framing)
    assert created.status == 201
    refused = await client.create(content, whole(b"other"), complete=True, framing=framing)
    assert (refused.status, json.loads(refused.body)["code"]) == (400, "ERR_DIGEST_MISMATCH")
    # It is over, and there is nothing to go on with.
    assert (refused.headers["upload-complete"], "location" in refused.headers) == ("?1", False)
    for right in (True, False):
        target = await begun(client)
        digest = whole(content if right else b"other")
        last = await client.append(target, 0, content, digest, complete=True, framing=framing)
        assert last.status == (201 if right else 400)
        asked = await client.ask("HEAD", target)
        assert asked.status == (204 if right else 410)
        if right:
            assert await content_at(client, target) == content


async def test_a_wrong_body_may_come_again_and_a_wrong_whole_not(client: IetfClient) -> None:
    target = await begun(client)
    wrong = (digest_of(b"other"), whole(b"another"))
    refused = await client.append(target, 0, WHOLE, *wrong, complete=True)
    assert (refused.status, problem(refused)["code"]) == (400, "ERR_CHECKSUM_MISMATCH")
    refused = await client.append(target, 0, WHOLE, digest_of(WHOLE), whole(b"another"), complete=True)
    assert (refused.status, json.loads(refused.body)["code"]) == (400, "ERR_DIGEST_MISMATCH")
    assert (await client.append(target, 0, WHOLE, whole(WHOLE), complete=True)).status == 410


async def test_less_than_the_length_is_not_the_whole_whose_digest_was_told(client: IetfClient) -> None:
    target = await begun(client, MIB)
    short = await client.append(target, 0, WHOLE[:1000], whole(WHOLE), complete=True, framing=Framing.CHUNKED)
    assert (short.status, problem(short)["code"]) == (400, "ERR_INVALID_UPLOAD_LENGTH")
    assert (await client.append(target, 0, WHOLE, whole(WHOLE), complete=True)).status == 201


async def test_what_breaks_off_under_a_digest_of_the_whole_is_kept(client: IetfClient) -> None:
    """Unlike under one of its body. What only an append says is not kept, and the docs say so."""
    target = await begun(client, MIB)
    async with await client.begin_append(target, 0, MIB, whole(WHOLE), complete=True) as connection:
        await connection.send(WHOLE[: 2 * STEP])
        assert int((await connection.interim()).headers["upload-offset"])
    kept = (await client.ask("HEAD", target)).offset
    assert kept
    last = await client.append(target, kept, WHOLE[kept:], whole(WHOLE), complete=True)
    assert last.status == 201
    assert await content_at(client, target) == WHOLE


async def test_coded_content_is_refused(client: IetfClient) -> None:
    coded = ("Content-Encoding", "gzip")
    assert (await client.create(b"hello", coded, complete=True)).status == 415
    target = await begun(client)
    assert (await client.append(target, 0, b"hello", coded, complete=True)).status == 415
    assert (await client.ask("HEAD", target)).offset == 0


@pytest.mark.parametrize("left_out", ["Upload-Offset", "Upload-Complete", "Content-Type"])
async def test_an_append_without_a_field_that_it_must_have_changes_nothing(
    client: IetfClient, left_out: str
) -> None:
    target = await begun(client)
    fields = [(VERSION, "9"), PARTIAL, ("Upload-Offset", "0"), ("Upload-Complete", "?1")]
    kept = [field for field in fields if field[0] != left_out]
    refused = await request(client.address, "PATCH", target, kept, b"hello")
    assert refused.status == (415 if left_out == "Content-Type" else 400)
    problem(refused)
    assert (await client.ask("HEAD", target)).offset == 0


# --- what is said of the file


async def test_the_file_has_the_name_and_the_type_that_http_says(shared: Server, client: IetfClient) -> None:
    disposition = "inline; filename=\"euro.txt\"; filename*=UTF-8''%e2%82%ac.txt"
    described = (("Content-Disposition", disposition), ("Content-Type", "text/plain; charset=utf-8"))
    target = place_of(await client.create(b"hello", *described, complete=True))
    answer = await IetfClient(address=client.address, version=None).ask("GET", target)
    assert "filename*=UTF-8''%E2%82%AC.txt" in answer.headers["content-disposition"]
    (row,) = await fetch(shared, f"SELECT * FROM uploads WHERE id = '{target.rpartition('/')[2]}'")
    assert (row["filename"], row["filetype"]) == ("\u20ac.txt", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    "disposition",
    [
        "inline; filename*=undefined''x",
        "inline; filename*=a; filename*0=b",
        "inline; filename=\xff\xfe.txt",
        'inline; filename="open',
    ],
)
async def test_no_description_breaks_a_creation(client: IetfClient, disposition: str) -> None:
    created = await client.create(b"hello", ("Content-Disposition", disposition), complete=True)
    assert created.status == 201
    assert await content_at(client, place_of(created)) == b"hello"


# --- the other protocol


async def test_tus_requests_on_an_upload_of_the_draft_are_refused_and_change_nothing(
    client: IetfClient,
) -> None:
    target = await begun(client, 5, b"hel")
    address = client.address
    asked = [await request(address, method, target, [RESUMABLE]) for method in ("HEAD", "DELETE")]
    append = [RESUMABLE, BYTES, ("Upload-Offset", "3")]
    asked.append(await request(address, "PATCH", target, append, b"lo"))
    for answer in asked:
        assert (answer.status, answer.headers["tus-resumable"]) == (400, "1.0.0")
        assert answer.offset is None
    assert asked[-1].body.startswith(b"ERR_WRONG_PROTOCOL: ")
    final = [RESUMABLE, ("Upload-Concat", f"final;{target}")]
    assert (await request(address, "POST", "/files/", final)).status == 400
    assert (await client.append(target, 3, b"lo", complete=True)).status == 201


async def test_requests_of_the_draft_on_a_tus_upload_are_refused_and_change_nothing(
    client: IetfClient,
) -> None:
    made = await request(client.address, "POST", "/files/", [RESUMABLE, ("Upload-Length", "5")])
    target = place_of(made)
    for complete in (True, False):
        refused = await client.append(target, 0, b"hello", complete=complete)
        assert (refused.status, problem(refused)["code"]) == (400, "ERR_WRONG_PROTOCOL")
    # These look like requests of a tus client that forgot its version, and are answered as ever.
    for method in ("HEAD", "DELETE"):
        answer = await client.ask(method, target)
        assert (answer.status, answer.headers["tus-version"]) == (412, "1.0.0")
    assert (await client.ask("GET", target)).status == 409
    still = await request(client.address, "HEAD", target, [RESUMABLE])
    assert (still.status, still.offset) == (200, 0)


async def test_whoever_says_tus_means_tus(client: IetfClient) -> None:
    both = [RESUMABLE, ("Upload-Length", "5"), ("Upload-Complete", "?0"), (VERSION, "9")]
    made = await request(client.address, "POST", "/files/", both)
    assert (made.status, made.headers["tus-resumable"]) == (201, "1.0.0")
    assert "upload-complete" not in made.headers
    assert (await request(client.address, "HEAD", place_of(made), [RESUMABLE])).status == 200


@pytest.mark.parametrize("value", ["true", "1", "?2", ""])
async def test_a_post_that_says_nothing_understandable_is_one_of_tus(client: IetfClient, value: str) -> None:
    said = ("Upload-Complete", value)
    refused = await request(client.address, "POST", "/files/", [said])
    assert (refused.status, refused.headers["tus-version"]) == (412, "1.0.0")
    # One that names a version does not.
    refused = await request(client.address, "POST", "/files/", [said, (VERSION, "9")])
    assert (refused.status, problem(refused)["code"]) == (400, "ERR_INVALID_HEADER")


@pytest.mark.parametrize("where", ["/files/", "/files", f"/files/{'0' * 32}"])
async def test_options_say_what_both_protocols_want_to_know(client: IetfClient, where: str) -> None:
    answer = await client.ask("OPTIONS", where)
    assert answer.status == 200
    assert answer.headers["upload-limit"] == "min-size=0"
    assert answer.headers["tus-version"] == "1.0.0"


@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE"])
async def test_an_upload_that_is_not_there_is_404(client: IetfClient, method: str) -> None:
    for name in ("0" * 32, "no-such-id", "..%2f" + "0" * 32):
        answer = await client.ask(method, f"/files/{name}")
        assert (answer.status, answer.offset) == (404, None)
    assert (await client.append(f"/files/{'0' * 32}", 0, b"x", complete=True)).status == 404


# --- versions


@pytest.mark.parametrize("version", [3, 4, 5, 6, 7, 8, 9])
async def test_every_version_gets_an_upload_through_in_its_own_words(shared: Server, version: int) -> None:
    client = IetfClient(address=shared.address, version=version)
    field, more, done = ("upload-incomplete", "?1", "?0") if version == 3 else ("upload-complete", "?0", "?1")
    created = await client.create(WHOLE[:1000], ("Upload-Length", "3000"), complete=False)
    assert (created.status, created.headers[field]) == (201, more)
    (told,) = created.interims
    assert (told.status, told.headers[VERSION.lower()]) == (104, str(version))
    target = place_of(told)
    middle = await client.append(target, 1000, WHOLE[1000:2000], complete=False)
    assert (middle.status, middle.headers[field], middle.offset) == (204, more, 2000)
    head = await client.ask("HEAD", target)
    assert (head.status, head.headers[field], head.offset) == (204, more, 2000)
    conflict = await client.append(target, 1000, b"x", complete=False)
    assert (conflict.status, conflict.headers[field], conflict.offset) == (409, more, 2000)
    last = await client.append(target, 2000, WHOLE[2000:3000], complete=True)
    assert (last.status, last.headers[field]) == (201, done)
    assert (await client.ask("HEAD", target)).headers[field] == done
    assert await content_at(client, target) == WHOLE[:3000]


async def test_the_oldest_version_is_broken_off_like_the_newest(shared: Server) -> None:
    client = IetfClient(address=shared.address, version=3)
    async with await client.begin_creation(MIB, complete=True) as connection:
        target = place_of(await connection.interim())
        await connection.send(WHOLE[:600_000])
        await until_saved(connection, STEP)
        head = await client.ask("HEAD", target)
        assert (await connection.answer("POST")).headers["upload-incomplete"] == "?1"
    assert head.headers["upload-incomplete"] == "?1"
    assert head.offset is not None
    assert (await client.append(target, head.offset, WHOLE[head.offset :], complete=True)).status == 201
    assert await content_at(client, target) == WHOLE


async def test_switched_off_everything_is_what_it_was(tmp_path: Path) -> None:
    async with Server(folder=tmp_path) as server:
        client = IetfClient(address=server.address)
        target = await begun(client, 5, b"hel")
        await server.stop()
        server.settings = {"uploads.enable_experimental_protocol": "false"}
        await server.start()
        refused = [
            await client.create(b"hello", complete=True),
            await client.create(b"", complete=False),
            await client.append(target, 3, b"lo", complete=True),
            await client.ask("HEAD", target),
            await client.ask("HEAD", f"/files/{'0' * 32}"),
            await client.ask("DELETE", target),
        ]
        for answer in refused:
            assert (answer.status, answer.headers["tus-version"], answer.interims) == (412, "1.0.0", ())
        assert (await client.ask("GET", target)).status == 409
        assert "upload-limit" not in (await client.ask("OPTIONS", "/files/")).headers


# --- limits, users


SETTINGS = {
    "uploads.max_size": "2MiB",
    "uploads.checkpoint_bytes": "256KiB",
    "uploads.expiry": "1h",
    "quota.overrides": '["acme/bob max_size=1000", "acme/carl max_size=900 bytes=1000"]',
    "limits.type_sizes": '["text/small=500"]',
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real program with users, and limits."""
    folder = tmp_path_factory.mktemp("guarded")
    running = Server(folder=folder, settings={**jwt_settings(folder), **SETTINGS})
    asyncio.run(running.start())
    yield running
    asyncio.run(running.stop())


def user(server: Server, name: str) -> IetfClient:
    credentials = bearer(token(sub=name, tenant="acme", scope="upload read"))
    return IetfClient(address=server.address, headers=(credentials,))


def limits_in(told: Answer | Interim) -> dict[str, int]:
    assert re.fullmatch(r"[a-z-]+=\d+(, [a-z-]+=\d+)*", told.headers["upload-limit"])
    pairs = (member.split("=") for member in told.headers["upload-limit"].split(", "))
    return {name: int(number) for name, number in pairs}


async def test_every_answer_that_has_to_tells_the_largest_size_and_the_age(guarded: Server) -> None:
    ann = user(guarded, "ann")
    assert limits_in(await ann.ask("OPTIONS", "/files/")) == {"max-size": 2 * MIB}
    created = await ann.create(b"hello", complete=False)
    target = place_of(created)
    asked = [await ann.ask(method, target) for method in ("HEAD", "GET")]
    appended = await ann.append(target, 5, b"hello", complete=False)
    answers: list[Answer | Interim] = [created, *created.interims, *asked, appended]
    for told in answers:
        limits = limits_in(told)
        assert limits.pop("max-age") in range(3500, 3601)
        assert limits == {"max-size": 2 * MIB}
    last = await ann.append(target, 10, b"", complete=True)
    assert limits_in(last) == {"max-size": 2 * MIB}


async def test_a_user_with_a_limit_of_their_own_hears_that(guarded: Server) -> None:
    bob = user(guarded, "bob")
    created = await bob.create(b"", complete=False)
    (told,) = created.interims
    head = await bob.ask("HEAD", place_of(created))
    assert [limits_in(one)["max-size"] for one in (told, created, head)] == [1000, 1000, 1000]
    for framing in Framing:
        refused = await bob.append(place_of(created), 0, bytes(1001), complete=True, framing=framing)
        assert (refused.status, limits_in(refused)) == (413, {"max-size": 1000})
    for framing, size in product(Framing, (1001, 2 * MIB + 1)):
        refused = await bob.create(bytes(size), complete=True, framing=framing)
        assert (refused.status, limits_in(refused)) == (413, {"max-size": 1000})
    assert (await bob.create(bytes(1000), complete=True)).status == 201


async def test_a_file_whose_type_has_a_limit_hears_that(guarded: Server) -> None:
    ann, small = user(guarded, "ann"), ("Content-Type", "text/small; charset=utf-8")
    for framing in Framing:
        refused = await ann.create(bytes(501), small, complete=True, framing=framing)
        assert (refused.status, limits_in(refused)) == (413, {"max-size": 500})
        created = await ann.create(b"hello", small, complete=False)
        refused = await ann.append(place_of(created), 5, bytes(496), complete=True, framing=framing)
        assert (refused.status, limits_in(refused)) == (413, {"max-size": 500})


async def test_who_has_no_room_left_hears_their_own_limit(guarded: Server) -> None:
    carl = user(guarded, "carl")
    assert (await carl.create(bytes(800), complete=True)).status == 201
    refused = await carl.create(bytes(800), complete=True)
    assert (refused.status, problem(refused)["code"]) == (413, "ERR_QUOTA_EXCEEDED")
    assert limits_in(refused) == {"max-size": 900}


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("complete", [True, False])
async def test_more_than_the_largest_size_is_413_with_the_limit(
    guarded: Server, framing: Framing, complete: bool
) -> None:
    ann = user(guarded, "ann")
    refused = await ann.create(bytes(2 * MIB + 1), complete=complete, framing=framing)
    assert (refused.status, problem(refused)["code"]) == (413, "ERR_MAX_SIZE_EXCEEDED")
    assert limits_in(refused) == {"max-size": 2 * MIB}
    assert "tus-max-size" not in refused.headers


async def test_an_announced_length_beyond_the_largest_size_is_413_without_a_body(guarded: Server) -> None:
    ann = user(guarded, "ann")
    announced = ("Upload-Length", str(2 * MIB + 1))
    assert (await ann.create(b"", announced, complete=False)).status == 413
    target = await begun(ann)
    assert (await ann.append(target, 0, b"", announced, complete=False)).status == 413
    assert state_of(await ann.ask("HEAD", target)) == (204, 0, "?0", None)


async def test_what_grows_beyond_the_largest_size_in_many_appends_is_413(guarded: Server) -> None:
    ann = user(guarded, "ann")
    target = await begun(ann, None, WHOLE)
    assert (await ann.append(target, MIB, WHOLE, complete=False)).status == 204
    for framing in Framing:
        refused = await ann.append(target, 2 * MIB, b"x", complete=True, framing=framing)
        assert (refused.status, limits_in(refused)["max-size"]) == (413, 2 * MIB)
    # Nothing says that it goes on, so what is there may be the whole.
    assert (await ann.append(target, 2 * MIB, b"", complete=True)).status == 201


@pytest.mark.parametrize("who", ["bob", "nobody"])
async def test_somebody_else_s_upload_is_not_there_whatever_is_asked_and_before_a_byte_is_read(
    guarded: Server, who: str
) -> None:
    """Nobody hears 401, and everybody else what they hear of an upload that never was."""
    ann = user(guarded, "ann")
    target = await begun(ann, MIB, b"hello")
    stranger = user(guarded, who) if who != "nobody" else IetfClient(address=guarded.address)
    status = 404 if who != "nobody" else 401
    for where in (target, f"/files/{'0' * 32}"):
        for method in ("HEAD", "GET", "DELETE"):
            answer = await stranger.ask(method, where)
            assert (answer.status, answer.offset) == (status, None)
        for offset in (0, 5):
            expecting = ("Expect", "100-continue")
            async with await stranger.begin_append(
                where, offset, MIB - 5, expecting, complete=True
            ) as connection:
                refused = await connection.answer("PATCH")
            assert (refused.status, refused.offset, refused.interims) == (status, None, ())
            problem(refused)
    assert state_of(await ann.ask("HEAD", target)) == (204, 5, "?0", str(MIB))


async def test_who_may_only_read_hears_of_what_is_no_file_yet_what_they_always_did(guarded: Server) -> None:
    ann = user(guarded, "ann")
    of_tus = [*ann.headers, RESUMABLE, ("Upload-Length", "5")]
    made = await request(guarded.address, "POST", "/files/", of_tus)
    reader = bearer(token(sub="ann", tenant="acme", scope="read"))
    for target in (place_of(made), await begun(ann, 5, b"hel")):
        refused = await request(guarded.address, "GET", target, [reader])
        assert (refused.status, refused.headers["tus-resumable"]) == (409, "1.0.0")
        assert refused.body.startswith(b"ERR_UPLOAD_NOT_FINISHED: ")


async def test_nobody_creates_nothing(guarded: Server) -> None:
    nobody = IetfClient(address=guarded.address)
    async with await nobody.begin_creation(MIB, ("Expect", "100-continue"), complete=True) as connection:
        refused = await connection.answer("POST")
    assert (refused.status, refused.interims) == (401, ())
    assert "www-authenticate" in refused.headers
    problem(refused)


# --- what others are told


async def test_hooks_hear_what_the_file_is_called_and_of_its_end_only_at_its_end(tmp_path: Path) -> None:
    async with (
        HookReceiver() as receiver,
        Server(folder=tmp_path, settings=settings_for(receiver)) as server,
    ):
        client = IetfClient(address=server.address)
        described = (("Content-Disposition", 'inline; filename="a.txt"'), ("Content-Type", "text/plain"))
        created = await client.create(b"hello", *described, ("Upload-Length", "5"), complete=False)
        target = place_of(created)
        assert "pre-finish" not in receiver.kinds()
        first = receiver.seen[0]
        assert first["Type"] == "pre-create"
        assert first["Event"]["Upload"]["MetaData"] == {"filename": "a.txt", "filetype": "text/plain"}
        assert first["Event"]["Upload"]["Size"] == 5
        receiver.say["pre-finish"] = {"RejectUpload": True, "HTTPResponse": {"StatusCode": 422, "Body": "no"}}
        refused = await client.append(target, 5, b"", complete=True)
        # The upload is over: this is the answer to it, and no reason to try again.
        assert (refused.status, refused.headers["upload-complete"], refused.body) == (422, "?1", b"no")
        assert receiver.kinds().count("pre-finish") == 1
        assert (await client.ask("HEAD", target)).status == 410
        receiver.say.clear()
        receiver.say["pre-create"] = {"RejectUpload": True}
        assert (await client.create(b"hello", complete=True)).status == 400


async def test_nothing_is_served_before_it_was_scanned_as_a_whole(
    tmp_path: Path, clamd_server: ClamdServer
) -> None:
    """A signature that lies across two appends is found (draft, Security Considerations)."""
    eicar = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    async with Server(folder=tmp_path, settings=scanning_settings(clamd_server.socket)) as server:
        client = IetfClient(address=server.address)
        target = await begun(client, None, eicar[:30])
        assert (await client.append(target, 30, eicar[30:], complete=True)).status == 201
        clean = place_of(await client.create(b"nothing is wrong here", complete=True))
        unnamed = IetfClient(address=server.address, version=None)
        async with asyncio.timeout(30):
            while (answer := await unnamed.ask("GET", clean)).status == 409:
                await asyncio.sleep(0.05)
            assert (answer.status, answer.body) == (200, b"nothing is wrong here")
            while (answer := await unnamed.ask("GET", target)).status == 409:
                await asyncio.sleep(0.05)
        assert answer.status == 403
