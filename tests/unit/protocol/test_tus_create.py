import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.body import Body
from protocol.errors import (
    BadHeader,
    ContentEncodingRefused,
    InvalidConcat,
    InvalidContentType,
    InvalidDeferLength,
    InvalidMetadata,
    InvalidUploadLength,
    LengthAndDeferLength,
    MaxSizeExceeded,
    RepeatedHeader,
    UploadSizeExceeded,
)
from protocol.headers import Headers
from protocol.integers import LARGEST
from protocol.tus.body import CONTENT_TYPE
from protocol.tus.create import answer_created, parse_create
from protocol.upload import Transfer

from .examples import FEATURES, NOON, NOON_TEXT, UNLIMITED, an_upload, explains, headers, refusal_of

NAMES = ["Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Concat", "Content-Length"]
NAMES += ["Content-Type", "Content-Encoding", "Transfer-Encoding"]
VALUES = st.one_of(
    st.text(), st.sampled_from(["1", "5", "100", "chunked", "identity", CONTENT_TYPE, "k YQ=="])
)


def test_an_upload_is_asked_for_by_its_length() -> None:
    creation = parse_create(headers(Upload_Length="100", Upload_Metadata="filename YQ=="), FEATURES)
    assert creation.length == 100
    assert creation.room == 100
    assert creation.metadata.filename == "a"
    assert creation.body == Body(expected=0, present=False)


def test_an_empty_upload_is_legal() -> None:
    assert parse_create(headers(Upload_Length="0", Content_Length="0"), FEATURES).length == 0


def test_leading_zeros_are_read_as_for_offsets() -> None:
    assert parse_create(headers(Upload_Length="007"), FEATURES).length == 7


def test_a_length_beyond_2_to_the_53_keeps_every_digit() -> None:
    assert parse_create(headers(Upload_Length="9007199254740993"), UNLIMITED).length == 9007199254740993
    assert parse_create(headers(Upload_Length=str(LARGEST)), UNLIMITED).length == LARGEST


@pytest.mark.parametrize("text", ["", "-1", "+5", "5.0", "0x5", "1e3", "1_000", "\u0665", "5,5", "-0"])
def test_a_malformed_length_is_400(text: str) -> None:
    with pytest.raises(InvalidUploadLength) as refusal:
        parse_create(headers(Upload_Length=text), FEATURES)
    assert explains(refusal.value, "Upload-Length")


@pytest.mark.parametrize("text", ["9223372036854775808", "9" * 5000])
def test_a_length_that_nothing_can_hold_is_413_even_without_a_maximum(text: str) -> None:
    with pytest.raises(MaxSizeExceeded) as refusal:
        parse_create(headers(Upload_Length=text), UNLIMITED)
    assert refusal.value.status == 413


def test_a_length_above_the_maximum_is_413_and_tells_the_maximum() -> None:
    assert parse_create(headers(Upload_Length="1000"), FEATURES).length == 1000
    with pytest.raises(MaxSizeExceeded) as refusal:
        parse_create(headers(Upload_Length="1001"), FEATURES)
    assert refusal.value.headers == {"Tus-Max-Size": "1000"}
    assert explains(refusal.value, "1001", "1000")


def test_a_length_may_be_deferred() -> None:
    creation = parse_create(headers(Upload_Defer_Length="1"), FEATURES)
    assert creation.length is None
    assert creation.room == 1000
    assert parse_create(headers(Upload_Defer_Length="1"), UNLIMITED).room is None


@pytest.mark.parametrize("text", ["0", "2", "true", "01", "", "1,1", "\u0661"])
def test_a_length_is_deferred_by_1_only(text: str) -> None:
    with pytest.raises(InvalidDeferLength) as refusal:
        parse_create(headers(Upload_Defer_Length=text), FEATURES)
    assert explains(refusal.value, "Upload-Defer-Length")


@pytest.mark.parametrize("deferred", ["1", "0", ""])
def test_a_length_and_its_deferral_contradict_each_other(deferred: str) -> None:
    with pytest.raises(LengthAndDeferLength):
        parse_create(headers(Upload_Length="5", Upload_Defer_Length=deferred), FEATURES)


def test_neither_a_length_nor_its_deferral_is_400() -> None:
    with pytest.raises(InvalidUploadLength) as refusal:
        parse_create(headers(), FEATURES)
    assert explains(refusal.value, "Upload-Length", "missing", "Upload-Defer-Length: 1")


@pytest.mark.parametrize("name", ["Upload-Length", "Upload-Metadata", "Content-Length"])
def test_a_repeated_header_is_400(name: str) -> None:
    repeated = [(name, "5"), (name, "5")]
    sent = repeated if name == "Upload-Length" else [*repeated, ("Upload-Length", "5")]
    with pytest.raises(RepeatedHeader) as refusal:
        parse_create(Headers(sent), FEATURES)
    assert explains(refusal.value, name)


@pytest.mark.parametrize("value", ["partial", "final;/files/a", "", "nonsense"])
def test_concatenation_is_refused_rather_than_ignored(value: str) -> None:
    with pytest.raises(InvalidConcat) as refusal:
        parse_create(headers(Upload_Concat=value, Upload_Length="5"), FEATURES)
    assert refusal.value.status == 400


def test_a_checksum_is_an_unknown_header() -> None:
    assert parse_create(headers(Upload_Length="5", Upload_Checksum="nonsense"), FEATURES).length == 5


def test_malformed_metadata_is_400() -> None:
    with pytest.raises(InvalidMetadata):
        parse_create(headers(Upload_Length="5", Upload_Metadata="a YQ"), FEATURES)


def test_a_body_may_come_with_the_creation() -> None:
    creation = parse_create(
        headers(Upload_Length="100", Content_Type=CONTENT_TYPE, Content_Length="40"), FEATURES
    )
    assert creation.body == Body(expected=40, present=True)


def test_one_byte_is_a_body() -> None:
    with pytest.raises(InvalidContentType):
        parse_create(headers(Upload_Length="5", Content_Length="1"), FEATURES)


def test_a_chunked_body_has_no_known_length() -> None:
    creation = parse_create(
        headers(Upload_Defer_Length="1", Content_Type=CONTENT_TYPE, Transfer_Encoding="chunked"), FEATURES
    )
    assert creation.body == Body(expected=None, present=True)


@pytest.mark.parametrize("framing", [("Content-Length", "5"), ("Transfer-Encoding", "chunked")])
@pytest.mark.parametrize("content_type", ["application/octet-stream", "", "offset+octet-stream", "a, b"])
def test_a_body_of_another_type_is_415(framing: tuple[str, str], content_type: str) -> None:
    with pytest.raises(InvalidContentType) as refusal:
        parse_create(headers(framing, Upload_Length="5", Content_Type=content_type), FEATURES)
    assert explains(refusal.value, "Content-Type", CONTENT_TYPE)


def test_a_body_without_a_type_is_415() -> None:
    with pytest.raises(InvalidContentType):
        parse_create(headers(Upload_Length="5", Content_Length="5"), FEATURES)


def test_the_type_of_an_empty_body_says_nothing() -> None:
    # aiotus sends this with every creation.
    sent = headers(Upload_Length="5", Content_Length="0", Content_Type="application/octet-stream")
    assert not parse_create(sent, FEATURES).body.present


@pytest.mark.parametrize(
    "content_type", [CONTENT_TYPE.upper(), f"{CONTENT_TYPE}; charset=utf-8", f"{CONTENT_TYPE} ;"]
)
def test_the_type_is_compared_as_media_types_are(content_type: str) -> None:
    sent = headers(Upload_Length="5", Content_Length="5", Content_Type=content_type)
    assert parse_create(sent, FEATURES).body.present


@pytest.mark.parametrize("coding", ["gzip", "identity, gzip", "br", "x"])
def test_a_coded_body_is_415(coding: str) -> None:
    sent = headers(Upload_Length="5", Content_Length="5", Content_Type=CONTENT_TYPE, Content_Encoding=coding)
    with pytest.raises(ContentEncodingRefused) as refusal:
        parse_create(sent, FEATURES)
    assert refusal.value.status == 415
    assert explains(refusal.value, "Content-Encoding")


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_no_coding_may_be_said_aloud(coding: str) -> None:
    assert parse_create(headers(Upload_Length="5", Content_Encoding=coding), FEATURES).length == 5


def test_a_body_longer_than_the_upload_is_413() -> None:
    sent = headers(Upload_Length="5", Content_Length="6", Content_Type=CONTENT_TYPE)
    with pytest.raises(UploadSizeExceeded) as refusal:
        parse_create(sent, FEATURES)
    assert explains(refusal.value, "6", "5")


def test_a_body_beyond_the_maximum_is_413_also_while_the_length_is_deferred() -> None:
    sent = headers(Upload_Defer_Length="1", Content_Length="1001", Content_Type=CONTENT_TYPE)
    with pytest.raises(MaxSizeExceeded):
        parse_create(sent, FEATURES)


@pytest.mark.parametrize("text", ["-1", "x", "5, 5", "9" * 30])
def test_a_malformed_content_length_is_400(text: str) -> None:
    with pytest.raises(BadHeader):
        parse_create(headers(Upload_Length="5", Content_Length=text), FEATURES)


def test_the_answer_to_a_creation_names_the_upload() -> None:
    answer = answer_created(an_upload(expires_at=NOON), "https://example.org/files/a", with_body=False)
    assert answer.status == 201
    assert answer.body == b""
    assert answer.headers == {
        "Tus-Resumable": "1.0.0",
        "Location": "https://example.org/files/a",
        "Upload-Expires": NOON_TEXT,
    }


def test_the_answer_to_a_body_tells_how_much_was_kept() -> None:
    upload = an_upload(offset=40, state=Transfer.RECEIVING)
    assert answer_created(upload, "/files/a", with_body=True).headers["Upload-Offset"] == "40"


@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6))
def test_any_headers_make_a_creation_or_a_protocol_error(pairs: list[tuple[str, str]]) -> None:
    refusal = refusal_of(lambda: parse_create(Headers(pairs), FEATURES))
    if refusal is not None:
        assert 400 <= refusal.status < 500
        assert explains(refusal)
        return
    creation = parse_create(Headers(pairs), FEATURES)
    assert creation.length is None or creation.length <= FEATURES.max_size
    assert creation.room is not None
    assert creation.body.least <= creation.room
