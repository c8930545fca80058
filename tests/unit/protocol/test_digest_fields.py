"""Repr-Digest as it is kept with an upload, and what later requests may say beside it."""

from hashlib import sha256, sha512

import pytest

from protocol.body import Body
from protocol.checksum import Checksum
from protocol.digest_fields import check_same, format_repr_digest, kept_repr_digest
from protocol.errors import BadHeader

from .examples import explains

SHORT = Checksum(algorithm="sha256", digest=sha256(b"hello").digest())
LONG = Checksum(algorithm="sha512", digest=sha512(b"hello").digest())
OTHER = Checksum(algorithm="sha256", digest=sha256(b"other").digest())


@pytest.mark.parametrize("whole", [(SHORT,), (LONG,), (LONG, SHORT)])
def test_what_is_kept_is_read_as_it_was_said(whole: tuple[Checksum, ...]) -> None:
    assert kept_repr_digest(format_repr_digest(whole)) == whole


def test_nothing_said_is_nothing_kept() -> None:
    assert format_repr_digest(()) is None
    assert kept_repr_digest(None) == ()


@pytest.mark.parametrize(
    ("said", "kept"),
    [((), (SHORT,)), ((SHORT,), ()), ((SHORT,), (SHORT,)), ((LONG,), (SHORT,)), ((LONG, SHORT), (SHORT,))],
)
def test_a_later_request_may_say_the_same_or_nothing_of_it(
    said: tuple[Checksum, ...], kept: tuple[Checksum, ...]
) -> None:
    check_same(said, format_repr_digest(kept))


def test_a_later_request_that_says_something_else_is_400() -> None:
    with pytest.raises(BadHeader) as refusal:
        check_same((LONG, OTHER), format_repr_digest((SHORT,)))
    assert refusal.value.status == 400
    assert explains(refusal.value, "Repr-Digest", "another sha-256", str(format_repr_digest((SHORT,))))


@pytest.mark.parametrize(
    ("expected", "length", "complete", "may"),
    [
        (5, 5, None, True),
        (5, 5, True, True),
        (5, 5, False, False),
        (4, 5, None, False),
        (5, None, True, True),
        (None, 5, None, True),
        (None, None, True, True),
        (None, None, False, False),
    ],
)
def test_a_body_may_be_all_unless_it_is_known_to_be_less(
    expected: int | None, length: int | None, complete: bool | None, may: bool
) -> None:
    assert Body(expected=expected, present=True).may_be_all(length, complete=complete) is may
