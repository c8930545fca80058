"""Bytes of parts in memory: kept as they came, charged by the page, and the largest goes first."""

import asyncio

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import StreamWriter
from hypothesis import given, settings
from hypothesis import strategies as st

from storage_backends.s3.body import Blocks, Sum, proven
from storage_backends.s3.budget import FREE, PAGE, Budget
from storage_backends.s3.filling import LENT, Filling
from storage_backends.s3.profiles import Digest


def new_filling(budget: Budget) -> Filling:
    return Filling(budget, Sum(Digest.CRC32C))


def fill(filling: Filling, content: bytes) -> None:
    """As a writer does."""
    rest = memoryview(content)
    while rest:
        if not filling.room:
            assert filling.charge()
        count = min(len(rest), filling.room)
        filling.add(rest[:count])
        rest = rest[count:]


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, PAGE + PAGE // 2), min_size=1, max_size=4))
def test_bytes_are_kept_as_they_came(sizes: list[int]) -> None:
    budget = Budget(100 * PAGE)
    filling = new_filling(budget)
    content = b"".join(bytes([number + 1]) * size for number, size in enumerate(sizes))
    at = 0
    for size in sizes:
        fill(filling, content[at : at + size])
        at += size
    assert b"".join(filling.blocks()) == content
    assert filling.size == len(content)
    assert budget.taken == -(-max(0, len(content) - FREE) // PAGE) * PAGE
    filling.free()
    assert budget.taken == 0


def read_into(filling: Filling, content: bytes) -> None:
    """As a thread does, from a socket that has these bytes."""
    rest = memoryview(content)
    while rest:
        assert filling.lendable or filling.charge()
        lent = filling.lend(len(rest))
        assert 0 < sum(map(len, lent)) <= LENT
        for view in lent:
            count = min(len(view), len(rest))
            view[:count] = rest[:count]
            rest = rest[count:]
            filling.landed(count)


@settings(max_examples=30, deadline=None)
@given(
    came=st.lists(st.tuples(st.booleans(), st.integers(1, PAGE + PAGE // 2)), min_size=1, max_size=4),
    digest=st.sampled_from([Digest.CRC32C, Digest.CRC32, Digest.MD5]),
)
async def test_bytes_and_digest_are_right_whichever_way_they_came(
    came: list[tuple[bool, int]], digest: Digest
) -> None:
    filling = Filling(Budget(100 * PAGE), Sum(digest))
    content = b""
    for number, (by_thread, size) in enumerate(came):
        more = bytes([number + 1]) * size
        (read_into if by_thread else fill)(filling, more)
        filling.give_back()
        content += more
    assert b"".join(filling.blocks()) == content
    begun = await proven(filling.blocks(), digest, signed=False, begun=filling.digest)
    assert begun.digest == (await proven([content], digest, signed=False)).digest


def test_pages_without_a_byte_are_given_back() -> None:
    budget = Budget(100 * PAGE)
    filling = new_filling(budget)
    assert all(filling.charge() for _ in range(10))
    filling.landed(PAGE + 1)
    filling.give_back()
    assert budget.taken == 2 * PAGE
    assert filling.lendable == PAGE - 1


def test_what_was_given_may_change_afterwards() -> None:
    filling = new_filling(Budget(4 * PAGE))
    block = bytearray(b"x" * 2 * PAGE)
    assert filling.charge()
    assert filling.charge()
    filling.add(memoryview(block))
    block[:] = bytes(2 * PAGE)
    assert b"".join(filling.blocks()) == b"x" * 2 * PAGE


async def test_what_went_to_a_transport_is_not_the_page() -> None:
    class Transport(StreamWriter):
        async def write(self, chunk: bytes, **_more: object) -> None:  # type: ignore[override]
            kept.append(chunk)

    kept: list[bytes] = []
    page = bytearray(b"x" * PAGE)
    body = Blocks([memoryview(page)])
    protocol = BaseProtocol(asyncio.get_running_loop())
    await body.write(Transport(protocol, asyncio.get_running_loop()))
    page[:] = bytes(PAGE)
    assert b"".join(kept) == b"x" * PAGE


def test_pages_are_used_again_and_forgotten_at_rest() -> None:
    budget = Budget(2 * PAGE)
    one, two = new_filling(budget), new_filling(budget)
    assert one.charge()
    assert two.charge()
    assert not two.charge(), "there are two"
    one.free()
    assert two.charge()
    two.free()
    assert budget.taken == 0


def test_the_largest_that_is_not_being_sent_is_known() -> None:
    budget = Budget(10 * PAGE)
    small, large = new_filling(budget), new_filling(budget)
    assert small.charge()
    assert all(large.charge() for _ in range(3))
    assert budget.is_largest(large)
    assert not budget.is_largest(small)
    large.fly()
    assert budget.is_largest(small), "what flies comes back by itself"
    assert budget.flying == 3 * PAGE
    large.free()
    assert budget.flying == 0


async def test_waiting_for_room_ends_when_there_is_some_or_time_is_over() -> None:
    budget = Budget(PAGE)
    filling = new_filling(budget)
    assert filling.charge()
    assert not await budget.given_within(0.01)
    waiting = asyncio.create_task(budget.given_within(10))
    await asyncio.sleep(0)
    filling.free()
    assert await waiting
