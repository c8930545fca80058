"""Appends of the draft (RUFH-PAT-1 to RUFH-PAT-5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.append import Append, check_append
from protocol.body import Body
from protocol.checksum import Checksum
from protocol.errors import (
    BadHeader,
    ContentEncodingRefused,
    InvalidContentType,
    InvalidOffset,
    InvalidUploadLength,
    OffsetConflict,
    UploadSizeExceeded,
)
from protocol.headers import Headers
from protocol.ietf.answers import answer_appended, answer_cancelled, answer_offset
from protocol.ietf.append import parse_append
from protocol.ietf.interop import MEDIA_TYPE, VERSIONS, Interop
from protocol.upload import Dialect, Transfer

from .examples import FEATURES, NOON, an_upload, explains, headers, refusal_of

LATEST = Interop(version=9)
OLDEST = Interop(version=3)
LIMIT = {"Upload-Limit": "min-size=0"}


def sent(*pairs: tuple[str, str], **named: str) -> Headers:
    """A well-formed append of ten bytes at 40, but for what is said; "" leaves a field out."""
    fields = {
        "Content_Type": MEDIA_TYPE,
        "Upload_Offset": "40",
        "Upload_Complete": "?0",
        "Content_Length": "10",
        **named,
    }
    return headers(*pairs, **{name: value for name, value in fields.items() if value})


def test_an_append_says_where_its_bytes_go_and_that_more_follow() -> None:
    assert parse_append(sent(), LATEST) == Append(
        offset=40,
        length=None,
        body=Body(expected=10, present=True),
        dialect=Dialect.IETF,
        complete=False,
    )


def test_the_last_append_tells_the_length_by_where_it_ends() -> None:
    append = parse_append(sent(Upload_Complete="?1"), LATEST)
    assert (append.length, append.complete) == (50, True)
    nothing = parse_append(sent(Upload_Complete="?1", Content_Length=""), LATEST)
    assert (nothing.length, nothing.body) == (40, Body(expected=0, present=False))


def test_any_append_may_say_the_length() -> None:
    assert parse_append(sent(Upload_Length="100"), LATEST).length == 100
    chunked = sent(Upload_Length="100", Upload_Complete="?1", Transfer_Encoding="chunked", Content_Length="")
    assert parse_append(chunked, LATEST).length == 100


def test_a_chunked_last_append_has_a_length_only_in_the_end() -> None:
    append = parse_append(sent(Upload_Complete="?1", Transfer_Encoding="chunked"), LATEST)
    assert (append.length, append.body) == (None, Body(expected=None, present=True))


@pytest.mark.parametrize("length", ["49", "51", "0"])
def test_two_lengths_that_differ_are_400(length: str) -> None:
    with pytest.raises(InvalidUploadLength) as refusal:
        parse_append(sent(Upload_Complete="?1", Upload_Length=length), LATEST)
    assert (refusal.value.status, explains(refusal.value, length, "50")) == (400, True)


@pytest.mark.parametrize(
    "text", ["-1", "+5", "5.0", '"5"', "5, 5", "0x5", "1_000", "\u0665", "five", "9" * 16, "9" * 5000]
)
def test_an_offset_that_is_no_non_negative_integer_is_400(text: str) -> None:
    with pytest.raises(InvalidOffset) as refusal:
        parse_append(sent(Upload_Offset=text), LATEST)
    assert (refusal.value.status, explains(refusal.value, "Upload-Offset")) == (400, True)


def test_a_missing_or_doubled_offset_is_400() -> None:
    for pairs in ((), (("Upload-Offset", "40"), ("Upload-Offset", "40"))):
        with pytest.raises(InvalidOffset):
            parse_append(sent(*pairs, Upload_Offset=""), LATEST)


@pytest.mark.parametrize(
    ("text", "offset"), [("007", 7), ("-0", 0), ("5;x=1", 5), ("999999999999999", 10**15 - 1)]
)
def test_an_offset_is_a_structured_field(text: str, offset: int) -> None:
    assert parse_append(sent(Upload_Offset=text), LATEST).offset == offset


@pytest.mark.parametrize("text", ["", "true", "1", "?2", "?1, ?1"])
def test_without_a_word_on_the_end_it_is_400(text: str) -> None:
    with pytest.raises(BadHeader) as refusal:
        parse_append(sent(Upload_Complete=text), LATEST)
    assert (refusal.value.status, explains(refusal.value, "Upload-Complete")) == (400, True)


def test_the_oldest_form_is_understood() -> None:
    assert parse_append(sent(Upload_Incomplete="?1", Upload_Complete=""), OLDEST).complete is False
    assert parse_append(sent(Upload_Incomplete="?0", Upload_Complete=""), OLDEST).length == 50


@pytest.mark.parametrize(
    "media_type", ["", "application/offset+octet-stream", "application/octet-stream", "x"]
)
@pytest.mark.parametrize("version", [None, *VERSIONS])
def test_another_media_type_is_415_in_the_forms_that_have_one(media_type: str, version: int | None) -> None:
    says_incomplete = {"Upload_Incomplete": "?1"} if version == 3 else {}
    append = sent(Content_Type=media_type, **says_incomplete)
    if version is not None and version < 6:
        assert parse_append(append, Interop(version=version)).offset == 40
        return
    with pytest.raises(InvalidContentType) as refusal:
        parse_append(append, Interop(version=version))
    assert (refusal.value.status, explains(refusal.value, MEDIA_TYPE)) == (415, True)


def test_the_media_type_is_compared_as_one() -> None:
    assert parse_append(sent(Content_Type="Application/Partial-Upload; x=1"), LATEST).offset == 40


def test_a_coded_body_is_415() -> None:
    with pytest.raises(ContentEncodingRefused):
        parse_append(sent(Content_Encoding="gzip"), LATEST)


def test_a_digest_of_the_body_is_read() -> None:
    append = parse_append(sent(Content_Digest=f"sha-256=:{'A' * 43}=:"), LATEST)
    assert append.checksums == (Checksum(algorithm="sha256", digest=bytes(32)),)


@pytest.mark.parametrize(("offset", "complete"), [("0", "?1"), ("0", "?0"), ("40", "?1")])
def test_a_digest_of_the_whole_is_read_wherever_it_is(offset: str, complete: str) -> None:
    digest = f"sha-256=:{'A' * 43}=:"
    append = parse_append(sent(Upload_Offset=offset, Upload_Complete=complete, Repr_Digest=digest), LATEST)
    assert (append.whole, append.checksums) == ((Checksum(algorithm="sha256", digest=bytes(32)),), ())


# --- with the upload at hand


def checked(upload_length: int | None = 100, **named: str) -> int | None:
    upload = an_upload(offset=40, length=upload_length, state=Transfer.RECEIVING, dialect=Dialect.IETF)
    return check_append(parse_append(sent(**named), LATEST), upload, FEATURES)


def test_the_length_that_an_upload_has_is_what_the_last_append_has_to_reach() -> None:
    assert checked(Upload_Complete="?1", Content_Length="60") == 60
    for length in ("59", "61"):
        with pytest.raises(InvalidUploadLength):
            checked(Upload_Complete="?1", Content_Length=length)


def test_what_goes_past_the_length_is_413() -> None:
    with pytest.raises(UploadSizeExceeded):
        checked(Content_Length="61")


def test_without_a_length_the_maximum_is_the_limit() -> None:
    assert checked(None) == FEATURES.max_size - 40
    assert checked(None, Upload_Complete="?1", Content_Length="60") == 60


def test_another_offset_is_409_and_tells_the_right_one() -> None:
    with pytest.raises(OffsetConflict) as refusal:
        checked(Upload_Offset="41")
    assert refusal.value.headers == {"Upload-Offset": "40"}
    assert (refusal.value.sent, refusal.value.current) == (41, 40)


# --- what is answered


def test_the_answer_to_an_append_tells_the_offset_and_that_more_is_wanted() -> None:
    upload = an_upload(offset=50, state=Transfer.RECEIVING, dialect=Dialect.IETF, expires_at=NOON)
    answer = answer_appended(LATEST, upload, LIMIT)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers == {
        "Upload-Complete": "?0",
        "Upload-Offset": "50",
        "Upload-Limit": "min-size=0",
        "Cache-Control": "no-store",
    }


@pytest.mark.parametrize(
    ("state", "offset", "complete"),
    [
        (Transfer.CREATED, 0, "?0"),
        (Transfer.RECEIVING, 40, "?0"),
        (Transfer.RECEIVING, 100, "?0"),
        (Transfer.COMPLETING, 100, "?1"),
        (Transfer.STORED, 100, "?1"),
    ],
)
def test_the_state_says_whether_an_upload_is_complete_and_not_the_offset(
    state: Transfer, offset: int, complete: str
) -> None:
    answer = answer_offset(LATEST, an_upload(offset=offset, state=state, dialect=Dialect.IETF), LIMIT)
    assert answer.status == 204
    assert answer.headers == {
        "Upload-Offset": str(offset),
        "Upload-Complete": complete,
        "Upload-Length": "100",
        "Upload-Limit": "min-size=0",
        "Cache-Control": "no-store",
    }


def test_a_length_that_nobody_knows_is_not_told() -> None:
    upload = an_upload(length=None, offset=40, state=Transfer.RECEIVING, dialect=Dialect.IETF)
    answer = answer_offset(OLDEST, upload, LIMIT)
    assert "Upload-Length" not in answer.headers
    assert answer.headers["Upload-Incomplete"] == "?1"


def test_the_answer_to_a_cancellation_is_empty() -> None:
    assert answer_cancelled().status == 204
    assert answer_cancelled().headers == {}


NAMES = ["Upload-Offset", "Upload-Complete", "Upload-Length", "Content-Length", "Transfer-Encoding"]
NAMES += ["Content-Type", "Content-Encoding", "Content-Digest"]
VALUES = st.text() | st.sampled_from(["?0", "?1", "0", "5", "100", "chunked", MEDIA_TYPE, "sha-512=:AAAA:"])


@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6), st.sampled_from([None, *VERSIONS]))
def test_any_headers_make_an_append_or_a_protocol_error(
    pairs: list[tuple[str, str]], version: int | None
) -> None:
    fields, interop = Headers(pairs), Interop(version=version)
    refusal = refusal_of(lambda: parse_append(fields, interop))
    if refusal is not None:
        assert 400 <= refusal.status < 500
        assert explains(refusal)
        return
    append = parse_append(fields, interop)
    assert append.offset >= 0
    assert append.complete is not None or interop.is_of_tus_js_client
    if append.complete and append.body.expected is not None:
        assert append.length == append.offset + append.body.expected


OFFSETS = st.integers(min_value=0, max_value=200)


@given(OFFSETS, OFFSETS, st.none() | OFFSETS, st.booleans(), st.booleans())
def test_what_is_let_in_never_passes_the_length(
    offset: int, count: int, length: int | None, complete: bool, chunked: bool
) -> None:
    framing = {"Transfer_Encoding": "chunked"} if chunked else {"Content_Length": str(count)}
    said = "?1" if complete else "?0"
    fields = sent(Upload_Offset=str(offset), Upload_Complete=said, **framing)
    upload = an_upload(offset=40, length=length, state=Transfer.RECEIVING, dialect=Dialect.IETF)
    append = parse_append(fields, LATEST)
    if refusal_of(lambda: check_append(append, upload, FEATURES)) is not None:
        return
    room = check_append(append, upload, FEATURES)
    assert offset == 40
    assert room is not None
    assert append.body.least <= room
    if length is not None:
        assert offset + room == length
    elif complete and not chunked:
        assert room == count
