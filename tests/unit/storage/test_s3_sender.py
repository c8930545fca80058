"""Bodies on plain sockets: whole, whatever they are made of, and never stuck behind a store that is."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from storage_backends.s3.sender import Sender

MIB = 1 << 20


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def sender(listening: socket.socket, timeout: float) -> Sender:
    return Sender(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=timeout, threads=1)


async def put(sender: Sender, blocks: list[bytes], within: float = 60.0) -> int:
    size = {"Content-Length": str(sum(map(len, blocks)))}
    return (await sender.send("PUT", "http://ignored/a/b", size, blocks, within=within)).status


async def test_bodies_of_many_blocks_and_of_large_ones_arrive_whole(listening: socket.socket) -> None:
    received: list[bytes] = []

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, connection.makefile("rb") as reading:
            for body in bodies:
                while reading.readline() != b"\r\n":
                    pass
                received.append(reading.read(sum(map(len, body))))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    many = [bytes([number % 251]) * (number * 97) for number in range(200)]
    large = [bytes(range(256)) * (5 * MIB // 256), b"", b"end"]
    bodies = [many, large, many]
    sending = sender(listening, 30.0)
    serving = asyncio.create_task(asyncio.to_thread(serve))
    try:
        # One after the other on one connection.
        assert [await put(sending, body) for body in bodies] == [200, 200, 200]
        await serving
    finally:
        sending.close()
    assert received == [b"".join(body) for body in bodies]


async def test_a_store_that_takes_nothing_is_given_up(listening: socket.socket) -> None:
    sending = sender(listening, 0.3)
    try:
        with pytest.raises(TimeoutError):
            await put(sending, [bytes(32 * MIB)])
    finally:
        sending.close()


async def test_a_store_that_refuses_and_hangs_up_is_heard(listening: socket.socket) -> None:
    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(MIB):
                pass

    sending = sender(listening, 30.0)
    serving = asyncio.create_task(asyncio.to_thread(serve))
    try:
        assert await put(sending, [bytes(8 * MIB)]) == 403
        sending.close()
        await serving
    finally:
        sending.close()


async def test_a_request_that_is_cancelled_lets_go_of_its_blocks(listening: socket.socket) -> None:
    sending = sender(listening, 60.0)
    try:
        task = asyncio.create_task(put(sending, [bytes(32 * MIB)]))
        connection, _ = await asyncio.to_thread(listening.accept)
        with connection:
            # It is in the middle of its body then, which goes no further.
            await asyncio.to_thread(connection.recv, MIB)
            task.cancel()
            async with asyncio.timeout(20):
                with pytest.raises(asyncio.CancelledError):
                    await task
    finally:
        sending.close()
