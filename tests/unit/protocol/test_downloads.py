import locale
import re
from datetime import UTC, datetime
from email import message_from_string
from email.utils import collapse_rfc2231_value, parsedate_to_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.dates import http_date
from protocol.disposition import attachment
from protocol.errors import RangeNotSatisfiable
from protocol.filenames import safe_filename
from protocol.ranges import parse_range

from .examples import NOON, NOON_TEXT

IMF_FIXDATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT", re.ASCII)


@pytest.mark.parametrize(
    ("filename", "value"),
    [
        (None, "attachment"),
        ("", "attachment"),
        ("..", "attachment"),
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ("a;b=c.txt", 'attachment; filename="a;b=c.txt"'),
        ('a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("100%41.txt", "attachment; filename=\"100_41.txt\"; filename*=UTF-8''100%2541.txt"),
        ("\u20ac rates", "attachment; filename=\"_ rates\"; filename*=UTF-8''%E2%82%AC%20rates"),
        ("../../x.txt", 'attachment; filename="x.txt"'),
        ("a\r\nX-Evil: 1", 'attachment; filename="aX-Evil: 1"'),
        ("it's (1)*.txt", 'attachment; filename="it\'s (1)*.txt"'),
    ],
)
def test_a_download_is_saved_under_its_safe_name(filename: str | None, value: str) -> None:
    assert attachment(filename) == value


@given(st.text(st.characters()))
@example('"; filename="x')
@example("a\\")
@example("'%'*\u00e9")
@example("=?utf-8?q?x?=\u00e9")
def test_any_name_makes_exactly_one_header_that_reads_back(filename: str) -> None:
    message = message_from_string(f"Content-Disposition: {attachment(filename)}\n\n")
    assert list(message.keys()) == ["Content-Disposition"]
    assert message.get_content_disposition() == "attachment"
    read = message.get_params(header="content-disposition") or []
    names = [collapse_rfc2231_value(value) for _, value in read[1:]]
    safe = safe_filename(filename)
    assert names[-1:] == ([] if safe is None else [safe])
    assert len(names) <= 2
    assert all(name == re.sub(r'[^ -~]|["\\%]', "_", str(safe)) for name in names[:-1])


@given(st.text(st.characters()))
def test_a_disposition_is_printable_ascii(filename: str) -> None:
    value = attachment(filename)
    assert value.isascii()
    assert value.isprintable()


def test_dates_are_written_as_the_specification_shows() -> None:
    assert http_date(NOON) == NOON_TEXT
    assert http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_a_date_is_never_later_than_the_time() -> None:
    assert http_date(NOON + 999_999) == NOON_TEXT
    assert http_date(NOON - 1) == "Wed, 25 Jun 2014 15:59:59 GMT"


@given(st.integers(min_value=0, max_value=250_000_000_000_000_000))
def test_dates_read_back_to_the_second(microseconds: int) -> None:
    text = http_date(microseconds)
    assert IMF_FIXDATE.fullmatch(text)
    assert parsedate_to_datetime(text) == datetime.fromtimestamp(microseconds // 1_000_000, UTC)


def test_dates_are_english_in_every_locale() -> None:
    before = locale.setlocale(locale.LC_TIME)
    try:
        for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8", ""):
            try:
                locale.setlocale(locale.LC_TIME, name)
            except locale.Error:
                continue
            assert http_date(NOON) == NOON_TEXT
    finally:
        locale.setlocale(locale.LC_TIME, before)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-499", (0, 500)),
        ("bytes=500-999", (500, 1000)),
        ("bytes=-500", (500, 1000)),
        ("bytes=500-", (500, 1000)),
        ("bytes=0-0", (0, 1)),
        ("bytes=-1", (999, 1000)),
        ("bytes=999-5000", (999, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("BYTES=0-0", (0, 1)),
        ("bytes= 0-0\t", (0, 1)),
        ("bytes=0-" + "9" * 5000, (0, 1000)),
        ("bytes=-" + "9" * 5000, (0, 1000)),
        ("bytes=" + "0" * 5000 + "7-7", (7, 8)),
    ],
)
def test_one_range_is_served(header: str, wanted: tuple[int, int]) -> None:
    assert parse_range(header, 1000) == wanted


@pytest.mark.parametrize(
    "header",
    [
        *(
            None,
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-3",
            "bytes=1",
            "bytes=--5",
            "bytes 0-5",
        ),
        *(
            "items=0-5",
            "bytes=0-1,5-6",
            "bytes=0-1,",
            "bytes=+1-2",
            "bytes=1_0-20",
            "bytes=\u0661-\u0662",
            "0-5",
        ),
        *("bytes=0-5\n", "bytes=0 - 5", "byte\u017f=0-5", "bytes=0-5-6"),
    ],
)
def test_anything_else_is_answered_with_everything(header: str | None) -> None:
    assert parse_range(header, 1000) is None


@pytest.mark.parametrize(
    "header", ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=" + "9" * 5000 + "-"]
)
def test_a_range_outside_the_file_tells_the_size(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refusal:
        parse_range(header, 1000)
    assert refusal.value.status == 416
    assert refusal.value.headers == {"Content-Range": "bytes */1000"}


def test_an_empty_file_has_no_range() -> None:
    assert parse_range("bytes=-5", 0) is None
    with pytest.raises(RangeNotSatisfiable):
        parse_range("bytes=0-", 0)


@given(
    st.one_of(st.text(), st.from_regex(r"bytes=[0-9]{0,4}-[0-9]{0,4}", fullmatch=True)),
    st.integers(min_value=0, max_value=2000),
)
def test_any_range_lies_inside_the_file_or_is_refused(header: str, size: int) -> None:
    try:
        found = parse_range(header, size)
    except RangeNotSatisfiable:
        return
    if found is not None:
        start, stop = found
        assert 0 <= start < stop <= size
