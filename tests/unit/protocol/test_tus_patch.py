import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.append import Append, check_append
from protocol.body import Body
from protocol.errors import (
    BadHeader,
    ContentEncodingRefused,
    InvalidContentType,
    InvalidOffset,
    InvalidUploadLength,
    MaxSizeExceeded,
    OffsetConflict,
    ProtocolError,
    RepeatedHeader,
    UploadSizeExceeded,
)
from protocol.headers import Headers
from protocol.tus.body import CONTENT_TYPE
from protocol.tus.patch import answer_patched, parse_append
from protocol.upload import Transfer

from .examples import FEATURES, NOON, NOON_TEXT, UNLIMITED, an_upload, explains, headers, refusal_of

NAMES = [
    "Upload-Offset",
    "Upload-Length",
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Upload-Concat",
]
VALUES = st.one_of(st.text(), st.sampled_from(["0", "5", "100", CONTENT_TYPE]))


def an_append(*, offset: int = 0, length: int | None = None, expected: int | None = 10) -> Append:
    """Ten bytes at the start, but for what is said; `expected` None is a chunked body."""
    return Append(offset=offset, length=length, body=Body(expected=expected, present=expected != 0))


def test_an_append_says_where_its_bytes_go() -> None:
    append = parse_append(
        headers(Upload_Offset="007", Content_Type=CONTENT_TYPE, Content_Length="10"), FEATURES
    )
    assert append == an_append(offset=7)


def test_an_append_may_declare_the_length() -> None:
    append = parse_append(headers(Upload_Offset="0", Upload_Length="10", Content_Type=CONTENT_TYPE), FEATURES)
    assert append == an_append(length=10, expected=0)


def test_a_chunked_append_has_no_known_length() -> None:
    sent = headers(
        Upload_Offset="0", Content_Type=CONTENT_TYPE, Transfer_Encoding="chunked", Content_Length="3"
    )
    assert parse_append(sent, FEATURES).body == Body(expected=None, present=True)


def test_concat_and_checksum_do_not_matter_on_an_append() -> None:
    # tus-js-client repeats "Upload-Concat: partial" on every PATCH.
    sent = headers(Upload_Offset="0", Content_Type=CONTENT_TYPE, Upload_Concat="partial", Upload_Checksum="x")
    assert parse_append(sent, FEATURES).offset == 0


@pytest.mark.parametrize(
    "text", ["-1", "+5", "5.0", "0x5", "1e3", "1_000", "", "5 5", "5,5", "\u0665", "9" * 19, "9" * 5000]
)
def test_a_malformed_offset_is_400(text: str) -> None:
    with pytest.raises(InvalidOffset) as refusal:
        parse_append(headers(Upload_Offset=text, Content_Type=CONTENT_TYPE), FEATURES)
    assert explains(refusal.value, "Upload-Offset", "wanted")


def test_a_missing_offset_is_400() -> None:
    with pytest.raises(InvalidOffset) as refusal:
        parse_append(headers(Content_Type=CONTENT_TYPE), FEATURES)
    assert explains(refusal.value, "Upload-Offset", "missing")


def test_an_offset_sent_twice_is_400() -> None:
    with pytest.raises(RepeatedHeader):
        parse_append(
            headers(("Upload-Offset", "1"), ("Upload-Offset", "2"), Content_Type=CONTENT_TYPE), FEATURES
        )


def test_an_append_of_another_type_is_415_even_when_it_is_empty() -> None:
    with pytest.raises(InvalidContentType):
        parse_append(headers(Upload_Offset="0", Content_Length="0"), FEATURES)
    with pytest.raises(InvalidContentType):
        parse_append(
            headers(Upload_Offset="0", Content_Length="0", Content_Type="application/octet-stream"), FEATURES
        )


def test_a_coded_append_is_415() -> None:
    with pytest.raises(ContentEncodingRefused):
        parse_append(headers(Upload_Offset="0", Content_Type=CONTENT_TYPE, Content_Encoding="gzip"), FEATURES)


def test_a_malformed_content_length_is_400() -> None:
    with pytest.raises(BadHeader):
        parse_append(headers(Upload_Offset="0", Content_Type=CONTENT_TYPE, Content_Length="x"), FEATURES)


@pytest.mark.parametrize("sent", [39, 41, 0, 100])
def test_another_offset_is_409_and_tells_the_right_one(sent: int) -> None:
    with pytest.raises(OffsetConflict) as refusal:
        check_append(an_append(offset=sent), an_upload(offset=40), FEATURES)
    assert refusal.value.headers == {"Upload-Offset": "40"}


def test_the_offset_is_judged_before_the_length_and_the_size() -> None:
    append = an_append(offset=1, length=3, expected=5000)
    with pytest.raises(OffsetConflict):
        check_append(append, an_upload(), FEATURES)


def test_an_append_may_bring_what_is_missing() -> None:
    assert check_append(an_append(offset=40, expected=60), an_upload(offset=40), FEATURES) == 60
    assert check_append(an_append(offset=40, expected=None), an_upload(offset=40), FEATURES) == 60


def test_an_append_past_the_end_is_413_before_it_is_read() -> None:
    with pytest.raises(UploadSizeExceeded) as refusal:
        check_append(an_append(offset=40, expected=61), an_upload(offset=40), FEATURES)
    assert explains(refusal.value, "101", "100")


def test_an_empty_append_to_a_complete_upload_is_legal() -> None:
    for state in (Transfer.COMPLETING, Transfer.STORED):
        complete = an_upload(offset=100, state=state)
        assert check_append(an_append(offset=100, expected=0), complete, FEATURES) == 0
        # What is chunked may turn out to be empty: not one byte may come.
        assert check_append(an_append(offset=100, expected=None), complete, FEATURES) == 0


def test_bytes_for_a_complete_upload_are_413() -> None:
    with pytest.raises(UploadSizeExceeded):
        check_append(
            an_append(offset=100, expected=1), an_upload(offset=100, state=Transfer.STORED), FEATURES
        )


def test_the_length_that_is_known_may_be_repeated() -> None:
    assert check_append(an_append(length=100), an_upload(), FEATURES) == 100


@pytest.mark.parametrize("length", [99, 101, 0, 5000])
def test_a_length_that_is_known_never_changes(length: int) -> None:
    with pytest.raises(InvalidUploadLength) as refusal:
        check_append(an_append(length=length), an_upload(), FEATURES)
    assert explains(refusal.value, str(length), "100")


def test_appends_need_no_length_while_it_is_deferred() -> None:
    deferred = an_upload(length=None, offset=40)
    assert check_append(an_append(offset=40), deferred, FEATURES) == 960
    assert check_append(an_append(offset=40), deferred, UNLIMITED) is None


def test_a_declared_length_limits_the_append_that_declares_it() -> None:
    deferred = an_upload(length=None, offset=40)
    assert check_append(an_append(offset=40, length=50), deferred, FEATURES) == 10
    with pytest.raises(UploadSizeExceeded):
        check_append(an_append(offset=40, length=49), deferred, FEATURES)


def test_an_empty_append_may_declare_that_the_upload_ends_here() -> None:
    deferred = an_upload(length=None, offset=40)
    assert check_append(an_append(offset=40, length=40, expected=0), deferred, FEATURES) == 0


def test_a_length_below_the_offset_is_400() -> None:
    with pytest.raises(InvalidUploadLength) as refusal:
        check_append(an_append(offset=40, length=39), an_upload(length=None, offset=40), FEATURES)
    assert explains(refusal.value, "39", "40")


def test_a_declared_length_above_the_maximum_is_413() -> None:
    with pytest.raises(MaxSizeExceeded) as refusal:
        check_append(an_append(length=1001), an_upload(length=None), FEATURES)
    assert refusal.value.headers["Tus-Max-Size"] == "1000"


def test_deferred_bytes_beyond_the_maximum_are_413() -> None:
    with pytest.raises(MaxSizeExceeded):
        check_append(an_append(offset=995, expected=6), an_upload(length=None, offset=995), FEATURES)


def test_a_lowered_maximum_leaves_uploads_of_known_length_alone() -> None:
    assert check_append(an_append(length=5000), an_upload(length=5000), FEATURES) == 5000


def test_a_lowered_maximum_stops_deferred_uploads_where_they_are() -> None:
    deferred = an_upload(length=None, offset=2000)
    assert check_append(an_append(offset=2000, expected=None), deferred, UNLIMITED) is None
    with pytest.raises(MaxSizeExceeded):
        check_append(an_append(offset=2000, expected=None), deferred, FEATURES)


@pytest.mark.parametrize(
    ("append", "error"),
    [
        (an_append(offset=1), OffsetConflict),
        (an_append(expected=101), UploadSizeExceeded),
        (an_append(length=5), InvalidUploadLength),
    ],
)
def test_a_refused_append_still_tells_when_the_upload_expires(
    append: Append, error: type[ProtocolError]
) -> None:
    with pytest.raises(error) as refusal:
        check_append(append, an_upload(expires_at=NOON), FEATURES)
    assert refusal.value.headers["Upload-Expires"] == NOON_TEXT


def test_the_answer_to_an_append_tells_the_offset_and_the_date() -> None:
    answer = answer_patched(an_upload(offset=40, state=Transfer.RECEIVING, expires_at=NOON))
    assert answer.status == 204
    assert answer.body == b""
    assert answer.headers == {"Tus-Resumable": "1.0.0", "Upload-Offset": "40", "Upload-Expires": NOON_TEXT}


def test_a_complete_upload_announces_no_date() -> None:
    answer = answer_patched(an_upload(offset=100, state=Transfer.COMPLETING, expires_at=NOON))
    assert answer.headers == {"Tus-Resumable": "1.0.0", "Upload-Offset": "100"}


@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6))
def test_any_headers_make_an_append_or_a_protocol_error(pairs: list[tuple[str, str]]) -> None:
    sent = Headers([("Content-Type", CONTENT_TYPE), *pairs])
    refusal = refusal_of(lambda: parse_append(sent, FEATURES))
    if refusal is None:
        assert parse_append(sent, FEATURES).offset >= 0
        return
    assert 400 <= refusal.status < 500
    assert explains(refusal)


OFFSETS = st.integers(min_value=0, max_value=1200)


@given(OFFSETS, st.none() | OFFSETS, st.none() | OFFSETS, OFFSETS, st.none() | OFFSETS)
def test_what_is_let_in_never_passes_the_end(
    sent: int, declared: int | None, expected: int | None, offset: int, length: int | None
) -> None:
    offset = offset if length is None else min(offset, length)
    upload = an_upload(offset=offset, length=length)
    try:
        room = check_append(an_append(offset=sent, length=declared, expected=expected), upload, FEATURES)
    except ProtocolError:
        return
    assert sent == offset
    assert room is not None
    assert (expected or 0) <= room
    assert offset + room == next(end for end in (length, declared, FEATURES.max_size) if end is not None)
