"""Conditional requests (RFC 9110, section 13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.conditions import Condition, evaluate
from protocol.dates import http_date

from .examples import NOON, NOON_TEXT

ETAG = '"abc"'
HOUR = 3600 * 1_000_000


def judged(**headers: str) -> Condition:
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return evaluate(said, etag=ETAG, modified_at=NOON)


@pytest.mark.parametrize(
    ("header", "verdict"),
    [
        ('"abc"', Condition.NOT_MODIFIED),
        ('W/"abc"', Condition.NOT_MODIFIED),
        ('"x,y", "abc"', Condition.NOT_MODIFIED),
        ("*", Condition.NOT_MODIFIED),
        ('"abd"', Condition.HOLDS),
        ("abc", Condition.HOLDS),
        ("", Condition.HOLDS),
    ],
)
def test_who_has_it_already_is_told_so(header: str, verdict: Condition) -> None:
    assert judged(If_None_Match=header) is verdict


@pytest.mark.parametrize(
    ("header", "verdict"),
    [
        ('"abc"', Condition.HOLDS),
        ('"x", "abc"', Condition.HOLDS),
        ("*", Condition.HOLDS),
        # A strong comparison (13.1.1): a weak tag never matches.
        ('W/"abc"', Condition.FAILED),
        ('"x"', Condition.FAILED),
        ("abc", Condition.FAILED),
    ],
)
def test_who_wants_this_one_gets_no_other(header: str, verdict: Condition) -> None:
    assert judged(If_Match=header) is verdict


def test_dates_count_to_the_second() -> None:
    before, after = http_date(NOON - HOUR), http_date(NOON + HOUR)
    assert judged(If_Modified_Since=NOON_TEXT) is Condition.NOT_MODIFIED
    assert judged(If_Modified_Since=after) is Condition.NOT_MODIFIED
    assert judged(If_Modified_Since=before) is Condition.HOLDS
    assert judged(If_Unmodified_Since=NOON_TEXT) is Condition.HOLDS
    assert judged(If_Unmodified_Since=before) is Condition.FAILED


def test_tags_come_before_dates() -> None:
    before, after = http_date(NOON - HOUR), http_date(NOON + HOUR)
    assert judged(If_None_Match='"x"', If_Modified_Since=after) is Condition.HOLDS
    assert judged(If_Match='"abc"', If_Unmodified_Since=before) is Condition.HOLDS
    assert judged(If_Match='"x"', If_None_Match='"abc"') is Condition.FAILED


@pytest.mark.parametrize("text", ["", "yesterday", "32 Foo 2026", "Thu, 99 Nov 2026 99:99:99 GMT", "9" * 500])
def test_a_date_that_is_none_says_nothing(text: str) -> None:
    assert judged(If_Modified_Since=text, If_Unmodified_Since=text) is Condition.HOLDS


@given(st.text(), st.text(), st.text(), st.text())
def test_whatever_is_sent_has_an_answer(match: str, none: str, since: str, until: str) -> None:
    judged(If_Match=match, If_None_Match=none, If_Modified_Since=since, If_Unmodified_Since=until)
