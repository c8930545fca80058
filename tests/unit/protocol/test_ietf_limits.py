"""Upload-Limit (RUFH-SF-3, RUFH-LIM-1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.ietf.limits import limits
from protocol.upload import UNFINISHED, Dialect, Transfer, Upload

from .examples import NOON, an_upload

SECOND = 1_000_000


def unfinished(expires_at: int | None = NOON) -> Upload:
    return an_upload(dialect=Dialect.IETF, state=Transfer.RECEIVING, expires_at=expires_at)


def test_without_any_limit_there_is_still_a_value() -> None:
    assert limits(0) == {"Upload-Limit": "min-size=0"}
    assert limits(0, unfinished(None), now=NOON) == {"Upload-Limit": "min-size=0"}


def test_the_largest_upload_is_told() -> None:
    assert limits(1000) == {"Upload-Limit": "max-size=1000"}


def test_what_no_integer_of_a_field_can_be_is_told_as_the_largest_that_can() -> None:
    assert limits(2**63 - 1) == {"Upload-Limit": "max-size=999999999999999"}


def test_an_unfinished_upload_tells_how_many_seconds_it_has_left() -> None:
    assert limits(0, unfinished(), now=NOON - 60 * SECOND) == {"Upload-Limit": "max-age=60"}
    both = limits(1000, unfinished(), now=NOON - 60 * SECOND)
    assert both == {"Upload-Limit": "max-size=1000, max-age=60"}


@pytest.mark.parametrize(("left", "seconds"), [(SECOND, 1), (SECOND - 1, 0), (0, 0), (-SECOND, 0)])
def test_seconds_are_whole_never_too_many_and_never_negative(left: int, seconds: int) -> None:
    assert limits(0, unfinished(), now=NOON - left) == {"Upload-Limit": f"max-age={seconds}"}


@pytest.mark.parametrize("state", sorted(set(Transfer) - UNFINISHED))
def test_a_finished_upload_has_no_age(state: Transfer) -> None:
    upload = an_upload(dialect=Dialect.IETF, state=state, expires_at=NOON)
    assert limits(0, upload, now=NOON - SECOND) == {"Upload-Limit": "min-size=0"}


@given(
    st.integers(min_value=0, max_value=2**63 - 1),
    st.none() | st.integers(min_value=0, max_value=2**62),
    st.integers(min_value=0, max_value=2**62),
)
def test_it_is_always_a_dictionary_of_integers(max_size: int, expires_at: int | None, now: int) -> None:
    (value,) = limits(max_size, unfinished(expires_at), now=now).values()
    members = dict(member.split("=") for member in value.split(", "))
    assert set(members) <= {"max-size", "max-age", "min-size"}
    assert all(0 <= int(number) < 10**15 for number in members.values())
