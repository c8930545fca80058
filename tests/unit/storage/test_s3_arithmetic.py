"""What the S3 backend computes: part sizes, chains of tails, plans of copies."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from storage_backends.base import DirectPlan, Part, Segment
from storage_backends.s3.assembly import plan
from storage_backends.s3.profiles import MIB, PROFILES, TIB
from storage_backends.s3.sizes import Sizes
from storage_backends.s3.tails import taken_in

SIZES = Sizes(preferred=8 * MIB, least=5 * MIB, profile=PROFILES["aws"])


@given(length=st.integers(1, 5 * TIB))
def test_any_length_fits_into_the_numbers_there_are(length: int) -> None:
    remaining, number = length, 1
    while remaining > 0:
        assert number <= 10_000
        size = SIZES.part_size(remaining=remaining, number=number)
        assert 5 * MIB <= size <= 5 << 30
        # As many as go by with this size at least, so that the test takes few steps.
        count = max(1, min(500, remaining // size))
        remaining -= size * count
        number += count


@given(length=st.integers(1, 5 * TIB))
def test_parts_that_clients_send_are_few_and_of_one_size(length: int) -> None:
    plan = DirectPlan(token="", length=length, part_size=SIZES.direct_size(length), is_proven=False)
    assert 8 * MIB <= plan.part_size <= 5 << 30
    assert plan.count <= (1000 if length <= 1000 * (5 << 30) else 1024)
    assert 1 <= plan.size_of(plan.count) <= plan.part_size
    assert plan.offset_of(plan.count) + plan.size_of(plan.count) == length
    assert plan.size_of(1) == min(length, plan.part_size)


def test_an_unknown_length_may_become_the_largest_object_there_is() -> None:
    total = sum(SIZES.part_size(remaining=None, number=number) for number in range(1, 10_001))
    assert total >= 5 * TIB


@given(length=st.integers(10 * MIB, 5 * TIB), cuts=st.integers(1, 9_000))
def test_parts_that_are_short_never_make_an_upload_too_long(length: int, cuts: int) -> None:
    remaining, number = length, 1
    for _ in range(cuts):
        if remaining <= 5 * MIB or not SIZES.may_be_short(5 * MIB, remaining=remaining, number=number):
            break
        remaining, number = remaining - 5 * MIB, number + 1
    assert -(-remaining // SIZES.part_size(remaining=remaining, number=number)) <= 10_001 - number


def tail(number: int, offset: int, length: int) -> Part:
    return Part(part_no=-number, offset=offset, length=length, ref=f"t{number}")


@given(sizes=st.lists(st.integers(1, 60_000), min_size=1, max_size=300))
def test_a_chain_of_tails_stays_short_and_loses_nothing(sizes: list[int]) -> None:
    chain: list[Part] = []
    offset = 0
    for number, size in enumerate(sizes, start=1):
        taken = taken_in(chain, size)
        merged, chain = chain[len(chain) - taken :], chain[: len(chain) - taken]
        start = merged[0].offset if merged else offset
        offset += size
        chain.append(tail(number, start, offset - start))
        assert len(chain) <= 64
    assert chain[0].offset == 0
    assert all(one.offset + one.length == two.offset for one, two in pairwise(chain))
    assert chain[-1].offset + chain[-1].length == sum(sizes)


@given(
    lengths=st.lists(st.one_of(st.integers(0, 40), st.integers(40, 4000)), min_size=1, max_size=12),
    copies=st.booleans(),
)
def test_a_plan_names_every_byte_once_and_no_part_but_the_last_is_small(
    lengths: list[int], copies: bool
) -> None:
    segments, offset = [], 0
    for number, length in enumerate(lengths):
        segments.append(Segment(ref=str(number), offset=offset, length=length))
        offset += length
    pieces = plan(segments, copied=1000, sent=80, least=50, copies=copies)
    wanted = [(str(number), at) for number, length in enumerate(lengths) for at in range(length)]
    found = [
        (source.ref, at)
        for piece in pieces
        for source in piece.sources
        for at in range(source.start, source.stop)
    ]
    assert found == wanted
    assert all(piece.size >= 50 for piece in pieces[:-1])
    assert all(len(piece.sources) == 1 for piece in pieces if piece.is_copied)
