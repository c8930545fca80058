"""A proxy before clamd that breaks things: for what a real clamd does rarely, or never while one looks.

Belongs here: the faults. Not here: verdicts, which are always the real clamd's.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What may happen to a connection with a stream."""

    NONE = "none"
    HANG_UP_BEFORE = "hangs up in the middle of the stream"
    HANG_UP_AFTER = "hangs up instead of an answer"
    HALF_AN_ANSWER = "hangs up in the middle of the answer"
    IN_PIECES = "answers byte by byte"
    SAYS_NOTHING = "says nothing"
    SAYS_ERROR = "says ERROR"
    SAYS_OK_EARLY = "says OK before the end of the stream"
    SAYS_TWICE = "answers twice"


EARLY = 1 << 20
"""Bytes after which it says OK early; before, all of the stream may be in the sockets' buffers already, and
then nobody can tell. Shorter streams get no answer."""

BAD = tuple(fault for fault in Fault if fault not in (Fault.NONE, Fault.IN_PIECES))
HANGS_UP = (Fault.HANG_UP_BEFORE, Fault.HANG_UP_AFTER)


@dataclass(slots=True, kw_only=True)
class ClamdProxy:
    """A Unix socket in front of another. Change `faults` and `version` at any time."""

    clamd: str
    seed: int
    faults: tuple[Fault, ...] = (Fault.NONE,)
    """One of these for each stream."""
    lies: tuple[Fault, ...] = BAD
    """For whoever makes it lie for a while."""
    version: bytes | None = None
    """Said instead of clamd's own."""
    streams: int = 0
    done: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._silent: list[asyncio.StreamWriter] = []

    _dice: random.Random = field(init=False)
    _silent: list[asyncio.StreamWriter] = field(init=False)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            self._serving.discard(task)
            if writer not in self._silent:
                writer.close()

    async def close(self) -> None:
        """End every connection."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        for writer in self._silent:
            writer.close()
        # Transports are closed by the next turns of the loop.
        for _ in range(3):
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        end = b"\0" if first == b"z" else b"\n"
        command = first + await reader.readuntil(end)
        if b"VERSION" in command and self.version is not None:
            writer.write(self.version + end)
            return
        is_stream = b"INSTREAM" in command
        fault = self._dice.choice(self.faults) if is_stream else Fault.NONE
        self.streams += is_stream
        self.done.append(fault)
        their_reader, their_writer = await asyncio.open_unix_connection(self.clamd)
        try:
            their_writer.write(command)
            if is_stream and not await self._pass_stream(reader, their_writer, writer, fault):
                return
            await self._answer(await their_reader.read(), writer, fault)
        finally:
            # Not closed, which would wait until clamd has taken what was sent.
            their_writer.transport.abort()

    async def _pass_stream(
        self,
        reader: asyncio.StreamReader,
        theirs: asyncio.StreamWriter,
        ours: asyncio.StreamWriter,
        fault: Fault,
    ) -> bool:
        passed = 0
        while True:
            head = await reader.readexactly(4)
            size = int.from_bytes(head, "big")
            passed += size
            if size and fault is Fault.SAYS_OK_EARLY and passed > EARLY:
                ours.write(b"stream: OK\0")
                await ours.drain()
            if size and fault is Fault.HANG_UP_BEFORE:
                await reader.readexactly(size // 2)
                return False
            theirs.write(head + await reader.readexactly(size))
            await theirs.drain()
            if not size:
                return True

    async def _answer(self, answer: bytes, writer: asyncio.StreamWriter, fault: Fault) -> None:
        if fault in (Fault.HANG_UP_AFTER, Fault.SAYS_OK_EARLY):
            return
        if fault is Fault.SAYS_NOTHING:
            self._silent.append(writer)
            return
        if fault is Fault.HALF_AN_ANSWER:
            answer = answer[: self._dice.randrange(1, len(answer))]
        if fault is Fault.SAYS_ERROR:
            answer = b"stream: Can't allocate memory ERROR\0"
        if fault is Fault.SAYS_TWICE:
            answer += b"stream: OK\0"
        if fault is not Fault.IN_PIECES:
            writer.write(answer)
            return
        for byte in answer:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)


@asynccontextmanager
async def faulty_clamd(clamd: str, path: str, seed: int) -> AsyncIterator[ClamdProxy]:
    """Listens at `path` before the clamd at `clamd`."""
    proxy = ClamdProxy(clamd=clamd, seed=seed)
    server = await asyncio.start_unix_server(proxy.serve, path)
    async with server:
        try:
            yield proxy
        finally:
            server.close()
            await proxy.close()
