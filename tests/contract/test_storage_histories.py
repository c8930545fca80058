"""No crash loses or invents a byte: random histories of one upload, against a bytearray.

A history is what hypothesis makes up of writes, checkpoints, commits, crashes, take-overs and frozen
writers that go on; whatever it is, the finished upload is what was committed.
"""

import asyncio
import secrets
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from storage_backends.base import Segment, StorageError
from storage_backends.refs import segment_ref
from tests.services.seaweedfs import Bucket

from .books import UPLOAD, BookedWriter, Fenced
from .storages import MIB, content_of, opened

T = TypeVar("T")

KEY = "alice/upload"
LENGTH = 3 * MIB

blocks = st.one_of(
    st.binary(max_size=40), st.integers(1, 200_000).map(lambda size: bytes([size % 251]) * size)
)


class _Upload(RuleBasedStateMachine):
    """One upload: what was written so far, how much of it is committed, and who still holds a writer."""

    kind: str
    bucket: Bucket | None = None
    length = LENGTH
    larger = 1
    """How many times each block is written: parts need megabytes."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        opening = opened(self.kind, Path(folder) / "root", self.place())
        self.backend = self.run(self.stack.enter_async_context(opening))
        self.written = bytearray()
        self.checkpointed = self.committed = 0
        self.segments = [Segment(ref=KEY, offset=0, length=0)]
        self.epoch = 1
        self.frozen: list[tuple[BookedWriter, int]] = []
        self.writer: BookedWriter = self.open()

    def place(self) -> Bucket | None:
        """Where an object store keeps this history."""
        return None if self.bucket is None else replace(self.bucket, prefix=f"{secrets.token_hex(8)}/")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def open(self) -> BookedWriter:
        self.written[self.committed :] = b""
        self.checkpointed = self.committed
        return self.run(self.backend.writer(UPLOAD, self.segments[-1], self.length))

    @rule(block=blocks)
    def write(self, block: bytes) -> None:
        block *= self.larger
        self.run(self.writer.write(block))
        self.written += block

    @rule()
    def progress(self) -> None:
        told = self.run(self.writer.progress()).offset
        assert self.checkpointed <= told <= len(self.written)
        self.checkpointed = told

    @rule()
    def checkpoint(self) -> None:
        assert self.run(self.writer.checkpoint()).offset == len(self.written)
        self.checkpointed = len(self.written)

    @rule()
    def commit(self) -> None:
        self.committed = self.checkpointed
        self._note()

    def _note(self) -> None:
        last = self.segments[-1]
        self.segments[-1] = Segment(ref=last.ref, offset=last.offset, length=self.committed - last.offset)

    @rule()
    def close_and_go_on(self) -> None:
        self.run(self.writer.close(self.committed))
        self.writer = self.open()

    @rule()
    def crash(self) -> None:
        """Its descriptor stays open until the end, which harms nobody: nothing uses it."""
        self.frozen.append((self.writer, -1))
        self.writer = self.open()

    @rule()
    def take_over_by_force(self) -> None:
        self.frozen.append((self.writer, self.committed))
        self.begin_segment()
        self.writer = self.open()

    def begin_segment(self) -> None:
        self.epoch += 1
        self.segments.append(Segment(ref=segment_ref(KEY, self.epoch), offset=self.committed, length=0))

    @rule(block=blocks)
    def a_frozen_writer_goes_on(self, block: bytes) -> None:
        for writer, committed in self.frozen:
            if committed >= 0 and writer.offset >= committed:
                self.run(self.goes_on(writer, block * self.larger))

    async def goes_on(self, writer: BookedWriter, block: bytes) -> None:
        await writer.write(block)

    @rule()
    def a_frozen_writer_wakes_up_and_leaves(self) -> None:
        for writer, committed in self.frozen:
            if committed >= 0:
                self.run(writer.close(committed))
        self.frozen = [(writer, committed) for writer, committed in self.frozen if committed < 0]

    @invariant()
    def the_writer_knows_where_it_is(self) -> None:
        assert self.writer.offset == len(self.written)

    def teardown(self) -> None:
        try:
            self.run(self.writer.close(self.committed))
            stored = self.run(self.backend.finish(self.segments, f"{KEY}~w1.1"))
            assert self.run(content_of(self.backend, stored.ref)) == bytes(self.written[: self.committed])
        finally:
            for writer, committed in self.frozen:
                self.run(writer.close(max(committed, 0)))
            self.run(self.stack.aclose())
            self.runner.close()


class _OnDisk(_Upload):
    kind = "filesystem/power"


class _InCache(_Upload):
    kind = "filesystem/process"


class _InMemory(_Upload):
    kind = "memory"


class _InABucket(_Upload):
    """No new segment begins there: a writer that was overtaken is refused every number and every commit."""

    kind = "s3"
    length = 64 * MIB
    larger = 16

    def begin_segment(self) -> None:
        self.epoch += 1

    async def goes_on(self, writer: BookedWriter, block: bytes) -> None:
        # What it had reserved it may still send, under numbers that no row names.
        with suppress(Fenced, StorageError):
            await writer.write(block)


TestOnDisk, TestInCache, TestInMemory = (machine.TestCase for machine in (_OnDisk, _InCache, _InMemory))
for case in (TestOnDisk, TestInCache, TestInMemory):
    case.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_in_a_bucket(shared_bucket: Bucket) -> None:
    class InThisBucket(_InABucket):
        bucket = shared_bucket

    few = settings(max_examples=12, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(InThisBucket, settings=few)
