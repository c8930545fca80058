"""Files that the kernel sends, into real sockets."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage_backends.base import Sending, SendsFiles, StorageChanged, StorageMissing
from storage_backends.filesystem.sending import AT_ONCE
from tests.contract.books import ABOUT

from .places import filesystem

LENGTH = 3 << 20


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def received(theirs: socket.socket) -> bytes:
    """What is there now."""
    theirs.setblocking(False)
    got = b""
    try:
        while block := theirs.recv(1 << 20):
            got += block
    except BlockingIOError:
        pass
    return got


async def test_a_range_arrives_as_it_is_stored(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket]
) -> None:
    content = os.urandom(LENGTH)
    async with filesystem(tmp_path) as backend:
        assert isinstance(backend, SendsFiles)
        stored = await backend.put(ABOUT, "a", [content], sealed=True)
        async with backend.sending("a", 5, LENGTH - 7, identity=stored.identity) as sending:
            got = b""
            while sending.left:
                before = sending.left
                count = await sending.send(pair[0].fileno())
                assert count == before - sending.left <= AT_ONCE
                got += received(pair[1])
        assert got == content[5 : LENGTH - 7]


async def test_a_socket_that_takes_nothing_holds_no_thread(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket]
) -> None:
    async with filesystem(tmp_path) as backend:
        await backend.put(ABOUT, "a", [bytes(LENGTH)], sealed=True)
        async with backend.sending("a", 0, LENGTH) as sending:
            first = await sending.send(pair[0].fileno())
            assert 0 < first < LENGTH
            assert await sending.send(pair[0].fileno()) == 0
            assert sending.left == LENGTH - first


async def test_other_bytes_and_missing_ones_show_before_anything_is_sent(tmp_path: Path) -> None:
    async with filesystem(tmp_path) as backend:
        stored = await backend.put(ABOUT, "a", [b"abc"], sealed=True)
        with pytest.raises(StorageChanged):
            async with backend.sending("a", 0, 3, identity=stored.identity + "0"):
                pass
        for ref, stop in (("a", 4), ("b", 1)):
            with pytest.raises(StorageMissing):
                async with backend.sending(ref, 0, stop):
                    pass


async def test_a_file_that_shrinks_meanwhile_is_an_error_not_an_end(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket]
) -> None:
    async with filesystem(tmp_path) as backend:
        await backend.put(ABOUT, "a", [bytes(1000)], sealed=True)
        async with backend.sending("a", 0, 1000) as sending:
            os.truncate(tmp_path / "a", 400)
            with pytest.raises(StorageMissing):
                await _all_of(sending, pair[0])
            assert sending.left == 600


async def _all_of(sending: Sending, target: socket.socket) -> None:
    while sending.left:
        await sending.send(target.fileno())


async def test_a_reader_that_left_is_a_connection_error(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket]
) -> None:
    async with filesystem(tmp_path) as backend:
        await backend.put(ABOUT, "a", [bytes(1000)], sealed=True)
        pair[1].close()
        async with backend.sending("a", 0, 1000) as sending:
            with pytest.raises(ConnectionError):
                await sending.send(pair[0].fileno())
