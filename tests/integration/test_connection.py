"""What reaches the parser: deadlines, caps, nonsense. Also notices an aiohttp that changed underneath."""

import asyncio
import gc
import gzip
import json
import socket
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from tusd_py.server.bounded_connection import BoundedConnection
from tusd_py.server.counting_server import CountingServer

from .tiny import Connection, Tiny, ask, events, settings_with, tiny_server

POST = "POST /files/ HTTP/1.1\n"


async def ended(connection: Connection, within: float) -> float:
    """Seconds until the server hangs up."""
    began = time.monotonic()
    async with asyncio.timeout(within):
        try:
            while await connection._reader.read(65536):
                pass
        except ConnectionError:
            pass
    return time.monotonic() - began


async def drip(connection: Connection, text: bytes, every: float) -> None:
    try:
        for byte in text:
            await connection.send(bytes([byte]))
            await asyncio.sleep(every)
    except ConnectionError:
        return


async def test_a_dripping_head_is_cut_at_the_deadline() -> None:
    async with tiny_server(settings_with(timeouts={"header": 0.3})) as tiny:
        async with await Connection.open(tiny.address) as connection:
            dripping = asyncio.create_task(drip(connection, tiny.raw(POST), 0.02))
            assert await ended(connection, 30) > 0.2
            dripping.cancel()
        assert tiny.calls == []


async def test_a_silent_connection_is_cut_at_the_deadline() -> None:
    async with (
        tiny_server(settings_with(timeouts={"header": 0.3})) as tiny,
        await Connection.open(tiny.address) as connection,
    ):
        assert await ended(connection, 30) > 0.2


async def test_thousands_that_are_overdue_together_are_closed_a_few_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Here it is forty, and others are answered between eight and eight of them."""
    closed: list[int] = []
    look_at, look = BoundedConnection.look, CountingServer._look

    def counted(connection: BoundedConnection, now: float) -> bool:
        is_closed = look_at(connection, now)
        closed[-1] += is_closed
        return is_closed

    def turn(server: CountingServer) -> None:
        closed.append(0)
        look(server)

    monkeypatch.setattr(BoundedConnection, "look", counted)
    monkeypatch.setattr(CountingServer, "_look", turn)
    async with tiny_server(settings_with(timeouts={"header": 0.3})) as tiny:
        silent = [await Connection.open(tiny.address) for _ in range(40)]
        await asyncio.gather(*(ended(connection, 30) for connection in silent))
        for connection in silent:
            await connection.close()
    assert sum(closed) == 40
    assert 1 < max(closed) <= 8


async def test_a_later_dripping_head_is_cut_and_an_idle_connection_is_not() -> None:
    async with (
        tiny_server(settings_with(timeouts={"header": 0.3, "keep_alive": 60.0})) as tiny,
        await Connection.open(tiny.address) as connection,
    ):
        for _ in range(2):
            await connection.send(tiny.raw(POST + "Content-Length: 2", b"ab"))
            assert (await connection.answer()).status == 201
            with pytest.raises(TimeoutError):
                await ended(connection, 0.7)
        dripping = asyncio.create_task(drip(connection, tiny.raw(POST), 0.02))
        assert await ended(connection, 30) > 0.2
        dripping.cancel()


async def test_what_an_idle_connection_said_last_is_let_go_and_the_next_is_answered() -> None:
    """aiohttp itself holds on to it, for as long as the connection is open."""
    async with tiny_server(settings_with()) as tiny, await Connection.open(tiny.address) as connection:
        for number in range(3):
            marked = f"idle{number}"
            await connection.send(tiny.raw(POST + f"X-Request-ID: {marked}\nContent-Length: 2", b"ab"))
            answer = await connection.answer()
            assert (answer.status, answer.headers["x-request-id"]) == (201, marked)
            async with asyncio.timeout(10):
                while _holds_on_to(marked):
                    await asyncio.sleep(0.05)


def _holds_on_to(marked: str) -> bool:
    """Whether anything is left of the request of that id."""
    requests = [one for one in gc.get_objects() if isinstance(one, web.Request)]
    return any(one.values() and one.headers.get("X-Request-ID") == marked for one in requests)


async def test_a_slow_body_is_not_a_slow_head() -> None:
    async with tiny_server(settings_with(timeouts={"header": 0.2})) as tiny:
        async with await Connection.open(tiny.address) as connection:
            await connection.send(tiny.raw(POST + "Content-Length: 10"))
            await drip(connection, b"0123456789", 0.06)
            assert (await connection.answer()).status == 201
        assert tiny.bodies == [b"0123456789"]


async def test_a_slow_handler_is_not_a_slow_head() -> None:
    async with (
        tiny_server(settings_with(timeouts={"header": 0.2})) as tiny,
        await Connection.open(tiny.address) as connection,
    ):
        hang = tiny.raw("GET /files/hang HTTP/1.1")
        await connection.send(hang + hang)
        with pytest.raises(TimeoutError):
            await ended(connection, 0.7)
        tiny.release.set()
        assert (await connection.answer()).body == b"released"
        assert (await connection.answer()).body == b"released"


async def test_surplus_connections_are_closed_at_once_and_counted_right() -> None:
    async with tiny_server(settings_with(limits={"connections": 2})) as tiny:
        opened = [await Connection.open(tiny.address) for _ in range(2)]
        for connection in opened:
            await connection.send(tiny.raw(POST + "Content-Length: 0"))
            assert (await connection.answer()).status == 201
        async with await Connection.open(tiny.address) as surplus:
            await ended(surplus, 5)
        assert b"tusd_connections_open 2.0" in tiny.metrics.text()
        assert b'tusdpy_connections_refused_total{limit="connections"} 1.0' in tiny.metrics.text()
        for connection in opened:
            await connection.close()
        async with asyncio.timeout(5):
            while b"tusd_connections_open 0.0" not in tiny.metrics.text():
                await asyncio.sleep(0.01)
        assert (await ask(tiny, POST + "Content-Length: 0")).status == 201


async def from_address(tiny: Tiny, source: str) -> Connection:
    """All of 127.0.0.0/8 is ours."""
    streams = await asyncio.open_connection(tiny.address.host, tiny.address.port, local_addr=(source, 0))
    return Connection(*streams)


async def created(tiny: Tiny, connection: Connection) -> int:
    await connection.send(tiny.raw(POST + "Content-Length: 0"))
    return (await connection.answer()).status


@pytest.fixture
async def two_each() -> AsyncIterator[Tiny]:
    """A server at which each address may have two connections, for a short while."""
    quickly = {"keep_alive": 0.3, "header": 0.3}
    limits = {"connections_per_address": 2}
    async with tiny_server(settings_with(limits=limits, timeouts=quickly)) as tiny:
        yield tiny


async def test_of_one_address_what_is_too_much_is_closed_at_once_and_others_are_served() -> None:
    async with tiny_server(settings_with(limits={"connections_per_address": 2})) as tiny:
        opened = [await Connection.open(tiny.address) for _ in range(2)]
        assert [await created(tiny, connection) for connection in opened] == [201, 201]
        async with await Connection.open(tiny.address) as surplus:
            await ended(surplus, 5)
        async with await from_address(tiny, "127.0.0.2") as other:
            assert await created(tiny, other) == 201
        told = tiny.metrics.text()
        assert b'tusdpy_connections_refused_total{limit="connections_per_address"} 1.0' in told
        assert [await created(tiny, connection) for connection in opened] == [201, 201]
        await opened[0].close()
        async with asyncio.timeout(5):
            while b"tusd_connections_open 1.0" not in tiny.metrics.text():
                await asyncio.sleep(0.01)
        async with await Connection.open(tiny.address) as another:
            assert await created(tiny, another) == 201
        await opened[1].close()


async def test_an_address_whose_connections_were_idle_for_too_long_may_have_others(two_each: Tiny) -> None:
    for _ in range(3):
        silent, idle = [await Connection.open(two_each.address) for _ in range(2)]
        assert await created(two_each, idle) == 201
        for connection in (silent, idle):
            await ended(connection, 30)
            await connection.close()
    assert b"tusd_connections_open 0.0" in two_each.metrics.text()
    assert b"tusdpy_connections_refused_total{" not in two_each.metrics.text()


async def test_proxies_that_are_trusted_and_unix_sockets_have_as_many_as_they_want(tmp_path: Path) -> None:
    for server in ({"trusted_proxies": ("127.0.0.0/30",)}, {"unix_sock": str(tmp_path / "socket")}):
        limited = settings_with(server=server, limits={"connections_per_address": 1})
        async with tiny_server(limited) as tiny:
            for _ in range(2):
                opened = [
                    Connection(*await asyncio.open_unix_connection(limited.server.unix_sock))
                    if limited.server.unix_sock
                    else await Connection.open(tiny.address)
                    for _ in range(3)
                ]
                assert [await created(tiny, connection) for connection in opened] == [201] * 3
                for connection in opened:
                    await connection.close()
            if not limited.server.unix_sock:
                async with await from_address(tiny, "127.0.0.4") as stranger:
                    assert await created(tiny, stranger) == 201
                    async with await from_address(tiny, "127.0.0.4") as surplus:
                        await ended(surplus, 5)


MALFORMED = {
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "both framings": (
        b"POST /files/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    ),
    "two lengths": b"POST /files/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    "signed length": b"POST /files/ HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
    "two hosts": b"POST /files/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"POST /files/ HTTP/1.1\r\n\r\n",
    "obs-fold": b"POST /files/ HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "space before colon": b"POST /files/ HTTP/1.1\r\nHost : a\r\n\r\n",
    "NUL": b"POST /files/ HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    "long field": b"POST /files/ HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 17_000 + b"\r\n\r\n",
    "long path": b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "many fields": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 129 + b"\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_not_http_gets_a_tus_answer_and_no_traceback(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        await connection.send(MALFORMED[name])
        answer = await connection.answer()
        assert answer.status == 400
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["connection"] == "close"
        assert answer.body.startswith(b"ERR_INVALID_HEADER: ")
        assert b"aaaa" not in answer.body
        assert "python" not in answer.headers.get("server", "").lower()
        await ended(connection, 20)
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]
    assert tiny.calls == []


async def test_a_header_of_a_million_bytes_is_refused_and_the_answer_arrives() -> None:
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        sending = asyncio.create_task(connection.send(b"POST /files/ HTTP/1.1\r\nX: ", b"a" * 1_000_000))
        answer = await connection.answer()
        assert answer.status == 400
        assert b"longer than 16384 bytes" in answer.body
        await asyncio.gather(sending, return_exceptions=True)


async def test_headers_up_to_the_limit_pass() -> None:
    async with tiny_server() as tiny:
        answer = await ask(tiny, POST + f"Content-Length: 0\nUpload-Concat: {'a' * 15_000}")
        assert answer.status == 201


async def test_gzip_bodies_are_not_inflated() -> None:
    packed = gzip.compress(b"x" * 100_000)
    async with tiny_server() as tiny:
        head = POST + f"Content-Encoding: gzip\nContent-Length: {len(packed)}"
        assert (await ask(tiny, head, packed)).status == 201
        assert tiny.bodies == [packed]


def chunked(size: int, total: int) -> bytes:
    return (b"%x\r\n" % size + b"x" * size + b"\r\n") * (total // size)


async def test_a_flood_of_tiny_chunks_is_refused() -> None:
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        await connection.send(tiny.raw(POST + "Transfer-Encoding: chunked"))
        sending = asyncio.create_task(connection.send(*[chunked(1, 1000)] * 300))
        answer = await connection.answer()
        assert answer.status == 400
        assert b"chunks" in answer.body
        assert answer.headers["connection"] == "close"
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    assert tiny.bodies == []


@pytest.mark.parametrize(("size", "total"), [(1, 3000), (64, 640_000), (1000, 3_000_000), (65536, 16 << 20)])
async def test_chunks_of_a_decent_size_pass_and_so_do_a_few_tiny_ones(size: int, total: int) -> None:
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        body = chunked(size, total)
        await connection.send(tiny.raw(POST + "Transfer-Encoding: chunked"), body, b"0\r\n\r\n")
        assert (await connection.answer()).status == 201
        assert [len(body) for body in tiny.bodies] == [total // size * size]


async def test_decent_chunks_pass_while_the_handler_does_not_read() -> None:
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        head = tiny.raw("GET /files/hang HTTP/1.1").replace(b"GET", b"POST")
        await connection.send(head.replace(b"/hang", b"/"), b"")
        assert (await connection.answer()).status == 201
        await connection.send(
            tiny.raw(POST + "Transfer-Encoding: chunked"), chunked(65536, 8 << 20), b"0\r\n\r\n"
        )
        assert (await connection.answer()).status == 201


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        await connection.send(b"".join(tiny.raw(POST + "Content-Length: 3", b"%03d" % n) for n in range(50)))
        for _ in range(50):
            assert (await connection.answer()).status == 201
        assert tiny.bodies == [b"%03d" % n for n in range(50)]
        assert all(one < other for one, other in pairwise(tiny.bodies))


async def test_an_early_refusal_arrives_and_does_not_linger() -> None:
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        await connection.send(
            tiny.raw("PATCH /files/refuse HTTP/1.1\nContent-Length: 100000000"), b"x" * 100_000
        )
        answer = await connection.answer()
        assert answer.status == 413
        assert answer.headers["connection"] == "close"
        await ended(connection, 20)


async def test_dead_peers_are_looked_for() -> None:
    wanted = {
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1,
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): 15,
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): 5,
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): 4,
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT): 30_000,
        (socket.IPPROTO_TCP, socket.TCP_NODELAY): 1,
    }
    asked = ",".join(f"{level}-{name}" for level, name in wanted)
    async with tiny_server() as tiny:
        answer = await ask(tiny, f"GET /files/sockopts?of={asked} HTTP/1.1")
        assert json.loads(answer.body) == list(wanted.values())


async def test_an_answer_that_breaks_off_is_cut_not_ended(caplog: pytest.LogCaptureFixture) -> None:
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        await connection.send(tiny.raw("GET /files/half HTTP/1.1"))
        with pytest.raises(ConnectionError):
            await connection.answer()
    assert events(caplog.records) == ["request.broken_off"]


async def test_a_running_request_may_end_while_we_stop() -> None:
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        await connection.send(tiny.raw("GET /files/hang HTTP/1.1"))
        async with asyncio.timeout(5):
            while b'method="GET"' not in tiny.metrics.text():
                await asyncio.sleep(0.01)
        stopping = asyncio.create_task(tiny.runner.cleanup())
        await asyncio.sleep(0)
        tiny.release.set()
        assert (await connection.answer()).body == b"released"
        await stopping
