"""The tus face over real sockets: what the service's own tests cannot see."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.server import Server
from tests.harness.wire import Answer, Connection, head_of

POSTED = (
    ("Host", "localhost"),
    ("Tus-Resumable", "1.0.0"),
    ("Content-Type", "application/offset+octet-stream"),
    ("Upload-Length", "1000"),
)


@pytest.fixture
async def impatient(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that waits half a second for the next byte."""
    async with Server(folder=tmp_path, settings={"timeouts.network": "0.5"}) as server:
        yield server


async def ask(
    server: Server, method: str, target: str, *headers: tuple[str, str], body: bytes = b""
) -> Answer:
    async with await Connection.open(server.address) as connection:
        await connection.send(head_of(method, target, headers), body)
        return await connection.answer(method)


async def test_a_post_whose_body_stalls_tells_where_to_go_on(impatient: Server) -> None:
    created = await ask(impatient, "POST", "/files/", *POSTED, ("Content-Length", "1000"), body=b"x" * 600)
    assert (created.status, created.headers["upload-offset"]) == (201, "600")
    assert created.headers["connection"] == "close"
    target = created.headers["location"].removeprefix(impatient.address.url)
    rest = (("Upload-Offset", "600"), ("Content-Length", "400"), *POSTED[:3])
    assert (await ask(impatient, "PATCH", target, *rest, body=b"y" * 400)).status == 204
    content = await ask(impatient, "GET", target, ("Host", "localhost"), ("Connection", "close"))
    assert content.body == b"x" * 600 + b"y" * 400


async def test_a_patch_whose_body_stalls_keeps_what_came_and_tells_the_offset(impatient: Server) -> None:
    created = await ask(impatient, "POST", "/files/", *POSTED[:2], POSTED[3], ("Content-Length", "0"))
    target = created.headers["location"].removeprefix(impatient.address.url)
    headers = (*POSTED[:3], ("Upload-Offset", "0"), ("Content-Length", "1000"))
    began = time.monotonic()
    stalled = await ask(impatient, "PATCH", target, *headers, body=b"x" * 300)
    assert time.monotonic() - began < 5
    assert (stalled.status, stalled.headers["upload-offset"]) == (503, "300")
    assert "retry-after" in stalled.headers


async def test_a_refused_patch_tells_when_the_upload_expires(shared_server: Server) -> None:
    created = await ask(shared_server, "POST", "/files/", *POSTED, ("Content-Length", "600"), body=b"x" * 600)
    target = created.headers["location"].removeprefix(shared_server.address.url)
    wrong = ("Upload-Checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    chunked = (("Transfer-Encoding", "chunked"), b"1f5\r\n" + b"y" * 501 + b"\r\n0\r\n\r\n")
    for offset, framing, body, status, more in (
        ("0", ("Content-Length", "1"), b"y", 409, ()),
        ("601", ("Content-Length", "1"), b"y", 409, ()),
        ("600", ("Content-Length", "1"), b"y", 460, (wrong,)),
        ("600", *chunked, 413, ()),
    ):
        headers = (*POSTED[:3], ("Upload-Offset", offset), framing, *more)
        refused = await ask(shared_server, "PATCH", target, *headers, body=body)
        assert (refused.status, "upload-expires" in refused.headers) == (status, True)


async def test_a_final_is_made_of_locations_that_have_the_path_of_the_public_url(tmp_path: Path) -> None:
    prefix = "https://example.org/up%20here"
    common = (*POSTED[:2], ("Content-Length", "0"))
    async with Server(folder=tmp_path, settings={"server.public_url": prefix}) as server:
        partial = (("Upload-Concat", "partial"), ("Upload-Length", "0"))
        told = [(await ask(server, "POST", "/files/", *common, *partial)).headers["location"] for _ in "ab"]
        assert all(location.startswith(f"{prefix}/files/") for location in told)
        for one in (told[0], told[0].removeprefix("https://example.org"), told[0].removeprefix(prefix)):
            listed = ("Upload-Concat", f"final;{one} {told[1]}")
            assert (await ask(server, "POST", "/files/", *common, listed)).status == 201
        foreign = ("Upload-Concat", f"final;{told[0].replace('up%20here', 'elsewhere')}")
        refused = await ask(server, "POST", "/files/", *common, foreign)
        assert refused.status == 404
        assert b"partial 1 of 1 in Upload-Concat, 'https://example.org/elsewhere/files/" in refused.body


CHUNKED = (("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked"))


@pytest.mark.parametrize("apart", [False, True])
async def test_a_chunked_body_that_is_empty_is_none_whatever_its_type(
    shared_server: Server, apart: bool
) -> None:
    async with await Connection.open(shared_server.address) as connection:

        async def post(*headers: tuple[str, str]) -> Answer:
            head, end = head_of("POST", "/files/", (*POSTED[:2], *CHUNKED, *headers)), b"0\r\n\r\n"
            if not apart:
                await connection.send(head, end)
                return await connection.answer("POST")
            await connection.send(head)
            # The server has the head by the time that it has answered another connection.
            await ask(shared_server, "OPTIONS", "/files/", POSTED[0])
            await connection.send(end)
            return await connection.answer("POST")

        partial = await post(("Upload-Concat", "partial"), ("Upload-Length", "0"))
        assert (partial.status, partial.offset) == (201, None)
        final = await post(("Upload-Concat", f"final;{partial.headers['location']}"))
        assert final.status == 201
        whole = await post(POSTED[3])
        assert (whole.status, whole.offset) == (201, None)


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (b"1\r\nx\r\n0\r\n\r\n", ()),
        (b"1\r\nx\r\n", ()),
        (b"", (("Expect", "100-continue"),)),
    ],
)
async def test_a_chunked_body_of_another_type_is_refused_at_its_first_byte(
    shared_server: Server, body: bytes, more: tuple[tuple[str, str], ...]
) -> None:
    headers = (*POSTED[:2], POSTED[3], *CHUNKED, *more)
    refused = await ask(shared_server, "POST", "/files/", *headers, body=body)
    assert (refused.status, refused.interims) == (415, ())
    assert b"Content-Type is 'text/plain', wanted application/offset+octet-stream" in refused.body


async def test_a_wrong_body_for_an_upload_that_ended_since_its_post_is_answered_by_what_it_is_now(
    shared_server: Server,
) -> None:
    created = await ask(shared_server, "POST", "/files/", *POSTED[:2], POSTED[3], ("Content-Length", "0"))
    target = created.headers["location"].removeprefix(shared_server.address.url)
    assert (await ask(shared_server, "DELETE", target, *POSTED[:2])).status == 204
    wrong = ("Upload-Checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    headers = (*POSTED[:3], ("Upload-Offset", "0"), ("Content-Length", "1000"), wrong)
    refused = await ask(shared_server, "PATCH", target, *headers, body=b"x" * 1000)
    assert refused.status == 410
    assert "upload-expires" not in refused.headers


@pytest.mark.parametrize("limit", ["0", "1"])
async def test_after_a_very_large_body_its_connection_is_good_for_the_next_request(
    tmp_path: Path, limit: str
) -> None:
    """As browsers do: they take any connection that was not closed for whatever comes next."""
    settings = {"limits.connections_per_address": limit}
    async with Server(folder=tmp_path, settings=settings) as server:
        await send_much_and_ask(server)


async def send_much_and_ask(shared_server: Server) -> None:
    length = ("Upload-Length", str(80 << 20))
    created = await ask(shared_server, "POST", "/files/", *POSTED[:2], length, ("Content-Length", "0"))
    target = created.headers["location"].removeprefix(shared_server.address.url)
    headers = (*POSTED[:3], ("Upload-Offset", "0"), ("Content-Length", length[1]))
    async with asyncio.timeout(60), await Connection.open(shared_server.address) as connection:
        await connection.send(head_of("PATCH", target, headers))
        for _ in range(80):
            await connection.send(bytes(1 << 20))
        assert (await connection.answer("PATCH")).status == 204
        await connection.send(head_of("HEAD", target, POSTED[:2]))
        assert (await connection.answer("HEAD")).headers["upload-offset"] == length[1]


async def test_a_partial_tells_when_it_expires_also_when_it_has_all_its_bytes(shared_server: Server) -> None:
    partial = (*POSTED[:2], ("Upload-Concat", "partial"))
    whole = (("Upload-Length", "5"), POSTED[2], ("Content-Length", "5"))
    assert (
        "upload-expires"
        in (await ask(shared_server, "POST", "/files/", *partial, *whole, body=b"x" * 5)).headers
    )
    created = await ask(shared_server, "POST", "/files/", *partial, whole[0], ("Content-Length", "0"))
    target = created.headers["location"].removeprefix(shared_server.address.url)
    sent = (*POSTED[:3], ("Upload-Offset", "0"), ("Content-Length", "5"))
    answers = [await ask(shared_server, "PATCH", target, *sent, body=b"x" * 5)]
    answers.append(await ask(shared_server, "HEAD", target, *POSTED[:2]))
    again = (*POSTED[:3], ("Upload-Offset", "5"), ("Content-Length", "0"))
    answers.append(await ask(shared_server, "PATCH", target, *again))
    wrong = ("Upload-Checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    answers.append(await ask(shared_server, "PATCH", target, *again, wrong))
    assert [answer.status for answer in answers] == [204, 200, 204, 460]
    assert len({answer.headers["upload-expires"] for answer in answers}) == 1


async def test_a_refused_creation_does_not_expire(shared_server: Server) -> None:
    headers = (*POSTED[:3], ("Upload-Length", "1"), ("Transfer-Encoding", "chunked"))
    refused = await ask(shared_server, "POST", "/files/", *headers, body=b"2\r\nyy\r\n0\r\n\r\n")
    assert (refused.status, "upload-expires" in refused.headers) == (413, False)


@pytest.mark.parametrize(
    ("body", "checksum", "status"),
    [
        (b"0\r\n\r\n", (), 204),
        (b"1\r\ny\r\n0\r\n\r\n", (), 413),
        (b"0\r\n\r\n", (("Upload-Checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="),), 460),
    ],
)
async def test_a_complete_upload_takes_nothing_more(
    shared_server: Server, body: bytes, checksum: tuple[tuple[str, str], ...], status: int
) -> None:
    created = await ask(
        shared_server, "POST", "/files/", *POSTED, ("Content-Length", "1000"), body=b"x" * 1000
    )
    target = created.headers["location"].removeprefix(shared_server.address.url)
    headers = (*POSTED[:3], ("Upload-Offset", "1000"), ("Transfer-Encoding", "chunked"), *checksum)
    assert (await ask(shared_server, "PATCH", target, *headers, body=body)).status == status


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
async def test_past_the_application_and_through_it_the_answers_are_the_same(
    shared_server: Server, connection: str
) -> None:
    """An override takes the long way, whatever it says."""
    answers = []
    for extra in ((), (("X-HTTP-Method-Override", "POST"),)):
        headers = (*POSTED, ("Content-Length", "1000"), ("Origin", "https://example.org"), *extra)
        headers = (*headers, ("X-Request-ID", "r1"), ("Connection", connection))
        answers.append(await ask(shared_server, "POST", "/files/", *headers, body=b"x" * 1000))
    short, long = (
        {
            name: "" if name in ("location", "date") else value
            for name, value in answer.headers.items()
            # aiohttp says what type nothing has; tus has no use for it.
            if name != "content-type"
        }
        for answer in answers
    )
    assert short == long
    assert [answer.status for answer in answers] == [201, 201]


async def test_refusals_past_the_application_say_what_they_say_through_it(shared_server: Server) -> None:
    answers = []
    for extra in ((), (("X-HTTP-Method-Override", "PATCH"),)):
        headers = (
            *POSTED[:3],
            ("Upload-Offset", "0"),
            ("X-Request-ID", "r1"),
            ("Content-Length", "0"),
            *extra,
        )
        answers.append(await ask(shared_server, "PATCH", f"/files/{'0' * 32}", *headers))
    short, long = ({**answer.headers, "date": ""} for answer in answers)
    assert (short, answers[0].body) == (long, answers[1].body)
    assert [answer.status for answer in answers] == [404, 404]
