"""Which of what came under its numbers makes an upload."""

import pytest

from protocol.errors import InvalidPart
from storage_backends.base import DirectPlan, SentPart
from tusd_py.uploads.direct_parts import chosen, newest

PLAN = DirectPlan(token="", length=25, part_size=10, is_proven=False)


def sent(number: int, etag: str, at: float = 0, size: int | None = None) -> SentPart:
    return SentPart(
        number=number, size=PLAN.size_of(number) if size is None else size, etag=f'"{etag}"', at=at
    )


WHOLE = [sent(1, "a"), sent(2, "b"), sent(3, "c")]


def etags(parts: list[SentPart]) -> str:
    return "".join(part.etag.strip('"') for part in parts)


def test_of_each_number_what_came_last_is_taken() -> None:
    twice = [sent(2, "x", at=7), *WHOLE, sent(2, "y", at=5), sent(3, "c", at=9)]
    assert etags(chosen(PLAN, twice, None)) == "axc"
    assert etags(newest(PLAN, twice)) == "axc"


def test_what_is_named_is_taken_however_old_it_is() -> None:
    twice = [*WHOLE, sent(2, "y", at=5)]
    assert etags(chosen(PLAN, twice, {3: "c", 2: "b", 1: "a"})) == "abc"


def test_of_two_that_came_at_once_one_has_to_be_named() -> None:
    twice = [*WHOLE, sent(2, "y")]
    with pytest.raises(InvalidPart, match="part 2 came twice"):
        chosen(PLAN, twice, None)
    assert etags(chosen(PLAN, twice, {1: "a", 2: "y", 3: "c"})) == "ayc"
    # The same again is no other one.
    assert etags(chosen(PLAN, [*WHOLE, sent(2, "b")], None)) == "abc"


def test_what_is_not_as_it_was_planned_has_to_be_sent_again() -> None:
    short = [sent(1, "a"), sent(2, "b", size=9), sent(3, "c"), sent(3, "d", at=1, size=6)]
    assert etags(newest(PLAN, [*short, SentPart(number=4, size=1, etag='"e"', at=0)])) == "a"
    with pytest.raises(InvalidPart, match="part 2 has 9 bytes, wanted 10"):
        chosen(PLAN, short, None)
    with pytest.raises(InvalidPart, match="part 3 has 6 bytes, wanted 5"):
        chosen(PLAN, [*WHOLE, sent(3, "d", at=1, size=6)], None)


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ({1: "a", 2: "b"}, "part 3 is not in the list, which is of all 3 parts"),
        ({1: "a", 2: "b", 3: "c", 4: "d"}, "part 4 is in the list, and there are 3 parts"),
        ({1: "a", 2: "z", 3: "c"}, "part 2 is not in the store with the etag 'z'"),
    ],
)
def test_a_list_is_of_all_parts_and_of_nothing_else(named: dict[int, str], reason: str) -> None:
    with pytest.raises(InvalidPart, match=reason):
        chosen(PLAN, WHOLE, named)


def test_the_first_that_lacks_is_told() -> None:
    with pytest.raises(InvalidPart, match=r"part 2 is not in the store$"):
        chosen(PLAN, [sent(1, "a")], None)
