"""Creations of the draft (RUFH-CRE-1 to RUFH-CRE-10, RUFH-DIG-1)."""

from base64 import b64encode
from hashlib import sha256, sha512

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.body import Body
from protocol.checksum import Checksum
from protocol.errors import (
    BadHeader,
    ContentEncodingRefused,
    InvalidMetadata,
    InvalidUploadLength,
    MaxSizeExceeded,
    ProtocolError,
    UploadSizeExceeded,
)
from protocol.headers import Headers
from protocol.ietf.answers import answer_done, created_fields, progress_fields
from protocol.ietf.create import parse_create
from protocol.ietf.interop import Interop
from protocol.upload import Dialect, Transfer

from .examples import FEATURES, UNLIMITED, an_upload, explains, headers, refusal_of

LATEST = Interop(version=9)
OLDEST = Interop(version=3)
UNNAMED = Interop(version=None)
LIMIT = {"Upload-Limit": "max-size=1000"}
URL = "https://example.org/files/a"


def test_a_body_that_is_the_whole_tells_the_length_by_its_own() -> None:
    creation = parse_create(headers(Upload_Complete="?1", Content_Length="100"), FEATURES, LATEST)
    assert (creation.length, creation.complete, creation.room) == (100, True, 100)
    assert creation.body == Body(expected=100, present=True)
    assert creation.dialect is Dialect.IETF
    assert creation.concat is None


def test_a_body_that_is_the_beginning_tells_no_length() -> None:
    creation = parse_create(headers(Upload_Complete="?0", Content_Length="100"), FEATURES, LATEST)
    assert (creation.length, creation.complete, creation.room) == (None, False, FEATURES.max_size)
    assert parse_create(headers(Upload_Complete="?0"), UNLIMITED, LATEST).room is None


def test_the_length_may_be_said_aloud() -> None:
    for complete in ("?0", "?1"):
        sent = headers(Upload_Complete=complete, Upload_Length="100", Transfer_Encoding="chunked")
        assert parse_create(sent, FEATURES, LATEST).length == 100
    both = headers(Upload_Complete="?1", Upload_Length="0100;x=1", Content_Length="100")
    assert parse_create(both, FEATURES, LATEST).length == 100
    beginning = headers(Upload_Complete="?0", Upload_Length="100", Content_Length="40")
    assert parse_create(beginning, FEATURES, LATEST).length == 100


def test_a_chunked_body_that_is_the_whole_has_a_length_only_in_the_end() -> None:
    creation = parse_create(headers(Upload_Complete="?1", Transfer_Encoding="chunked"), FEATURES, LATEST)
    assert (creation.length, creation.complete, creation.room) == (None, True, FEATURES.max_size)


@pytest.mark.parametrize("named", [{}, {"Content_Length": "0"}])
def test_no_content_is_legal_either_way(named: dict[str, str]) -> None:
    whole = parse_create(headers(Upload_Complete="?1", **named), FEATURES, LATEST)
    assert (whole.length, whole.body.present) == (0, False)
    later = parse_create(headers(Upload_Complete="?0", **named), FEATURES, LATEST)
    assert (later.length, later.body.present) == (None, False)


@pytest.mark.parametrize(
    "text", ["", "-1", "+5", "5.0", '"5"', "5, 5", "0x5", "1_000", "\u0665", "?1", "9" * 16, "9" * 5000]
)
def test_a_length_that_is_no_non_negative_integer_is_as_if_it_were_absent(text: str) -> None:
    sent = headers(Upload_Complete="?0", Upload_Length=text)
    assert parse_create(sent, FEATURES, LATEST).length is None
    whole = headers(Upload_Complete="?1", Upload_Length=text, Content_Length="7")
    assert parse_create(whole, FEATURES, LATEST).length == 7


def test_a_doubled_length_is_as_if_it_were_absent() -> None:
    sent = headers(("Upload-Length", "5"), ("Upload-Length", "5"), Upload_Complete="?0")
    assert parse_create(sent, FEATURES, LATEST).length is None


@pytest.mark.parametrize("length", ["4", "6", "0", "100"])
def test_two_lengths_that_differ_are_400(length: str) -> None:
    sent = headers(Upload_Complete="?1", Upload_Length=length, Content_Length="5")
    with pytest.raises(InvalidUploadLength) as refusal:
        parse_create(sent, FEATURES, LATEST)
    assert (refusal.value.status, explains(refusal.value, length, "5")) == (400, True)


def test_a_beginning_that_is_longer_than_the_whole_is_413() -> None:
    sent = headers(Upload_Complete="?0", Upload_Length="5", Content_Length="6")
    with pytest.raises(UploadSizeExceeded) as refusal:
        parse_create(sent, FEATURES, LATEST)
    assert explains(refusal.value, "5", "6")


@pytest.mark.parametrize(
    "named",
    [
        {"Upload_Complete": "?1", "Content_Length": "1001"},
        {"Upload_Complete": "?0", "Content_Length": "1001"},
        {"Upload_Complete": "?0", "Upload_Length": "1001"},
        {"Upload_Complete": "?1", "Upload_Length": "1001", "Transfer_Encoding": "chunked"},
    ],
)
def test_more_than_the_maximum_is_413_however_it_is_said(named: dict[str, str]) -> None:
    with pytest.raises(MaxSizeExceeded):
        parse_create(headers(**named), FEATURES, LATEST)
    parse_create(headers(**named), UNLIMITED, LATEST)


def test_a_length_that_no_field_could_say_is_413() -> None:
    largest = headers(Upload_Complete="?1", Content_Length="9" * 15)
    assert parse_create(largest, UNLIMITED, LATEST).length == 10**15 - 1
    with pytest.raises(MaxSizeExceeded):
        parse_create(headers(Upload_Complete="?1", Content_Length="1" + "0" * 15), UNLIMITED, LATEST)


@pytest.mark.parametrize("named", [{}, {"Upload_Complete": "true"}, {"Upload_Incomplete": "?0"}])
def test_without_a_word_on_the_end_it_is_400(named: dict[str, str]) -> None:
    with pytest.raises(BadHeader) as refusal:
        parse_create(headers(**named), FEATURES, LATEST)
    assert explains(refusal.value, "Upload-Complete")


def test_the_oldest_form_is_understood() -> None:
    creation = parse_create(headers(Upload_Incomplete="?0", Content_Length="5"), FEATURES, OLDEST)
    assert (creation.complete, creation.length) == (True, 5)
    assert parse_create(headers(Upload_Incomplete="?1"), FEATURES, OLDEST).complete is False


@pytest.mark.parametrize("coding", ["gzip", "identity, gzip", "br"])
def test_a_coded_body_is_415(coding: str) -> None:
    with pytest.raises(ContentEncodingRefused):
        parse_create(headers(Upload_Complete="?1", Content_Encoding=coding), FEATURES, LATEST)


def test_the_file_is_described_in_words_of_http() -> None:
    sent = headers(
        Upload_Complete="?0", Content_Type="text/plain", Content_Disposition='inline; filename="a.txt"'
    )
    metadata = parse_create(sent, FEATURES, LATEST).metadata
    assert (metadata.filename, metadata.filetype) == ("a.txt", "text/plain")


def test_of_tus_its_metadata_are_understood_and_nothing_else() -> None:
    sent = headers(Upload_Complete="?0", Upload_Metadata="filename YQ==", Upload_Concat="partial")
    creation = parse_create(sent, FEATURES, LATEST)
    assert (creation.metadata.raw, creation.concat) == ("filename YQ==", None)


def test_a_description_of_kilobytes_is_400() -> None:
    sent = headers(Upload_Complete="?0", Content_Disposition="inline; filename=" + "a" * 8000)
    with pytest.raises(InvalidMetadata):
        parse_create(sent, FEATURES, LATEST)


# --- Content-Digest


def sequence(digest: bytes) -> str:
    return f":{b64encode(digest).decode()}:"


def checksums_of(*values: str) -> tuple[Checksum, ...]:
    lines = [("Content-Digest", value) for value in values]
    return parse_create(headers(*lines, Upload_Complete="?1"), FEATURES, LATEST).checksums


SHA256, SHA512 = sha256(b"hello").digest(), sha512(b"hello").digest()


def test_digests_of_the_body_are_read() -> None:
    weaker, stronger = (
        Checksum(algorithm="sha256", digest=SHA256),
        Checksum(algorithm="sha512", digest=SHA512),
    )
    assert checksums_of(f"sha-256={sequence(SHA256)}") == (weaker,)
    assert checksums_of(f"sha-512={sequence(SHA512)}") == (stronger,)
    assert checksums_of() == ()
    # Whoever sends two means both.
    both = {weaker, stronger}
    assert {*checksums_of(f"sha-256={sequence(SHA256)}, sha-512={sequence(SHA512)}")} == both
    assert {*checksums_of(f"sha-512={sequence(SHA512)}", f"sha-256={sequence(SHA256)}")} == both


@pytest.mark.parametrize("complete", ["?1", "?0"])
def test_a_digest_of_the_whole_is_read_however_much_of_it_comes(complete: str) -> None:
    sent = headers(("Repr-Digest", f"sha-256={sequence(SHA256)}"), Upload_Complete=complete)
    creation = parse_create(sent, FEATURES, LATEST)
    assert (creation.whole, creation.checksums) == ((Checksum(algorithm="sha256", digest=SHA256),), ())


@pytest.mark.parametrize("complete", ["?1", "?0"])
def test_a_digest_of_the_whole_that_is_none_is_400_wherever_it_is(complete: str) -> None:
    with pytest.raises(BadHeader) as refusal:
        parse_create(headers(("Repr-Digest", "sha-512=:AAAA:"), Upload_Complete=complete), FEATURES, LATEST)
    assert explains(refusal.value, "Repr-Digest", "3", "64")


@pytest.mark.parametrize(
    "value",
    [
        f"md5={sequence(bytes(16))}",
        f"sha={sequence(bytes(20))}",
        f"unixsum={sequence(bytes(2))}",
        f"sha-256={b64encode(SHA256).decode()}",
        'sha-256="text"',
        "sha-256",
        f"SHA-256={sequence(SHA256)}",
        f"sha-256={sequence(SHA256)},",
        "",
    ],
)
def test_a_digest_that_is_weak_or_unknown_or_malformed_is_passed_over(value: str) -> None:
    """ "A recipient MAY ignore any or all digests" (RFC 9530, 2)."""
    assert checksums_of(value) == ()


@pytest.mark.parametrize("size", [0, 20, 31, 33])
def test_a_digest_of_the_wrong_size_is_400(size: int) -> None:
    with pytest.raises(BadHeader) as refusal:
        checksums_of(f"sha-256={sequence(bytes(size))}")
    assert explains(refusal.value, str(size), "32")


@pytest.mark.parametrize("version", [5, 6])
def test_where_clients_do_not_always_say_that_it_was_all_the_length_tells(version: int) -> None:
    def said(complete: str) -> bool | None:
        headers = Headers([("Upload-Complete", complete), ("Upload-Length", "5")])
        if complete == "?1":
            headers = Headers([("Upload-Complete", complete), ("Content-Length", "5")])
        return parse_create(headers, FEATURES, Interop(version=version)).complete

    assert said("?0") is None
    assert said("?1") is True
    assert parse_create(Headers([("Upload-Complete", "?0")]), FEATURES, LATEST).complete is False


# --- what is answered


def test_the_answer_to_a_creation_says_where_to_go_on() -> None:
    upload = an_upload(offset=40, state=Transfer.RECEIVING, dialect=Dialect.IETF)
    answer = answer_done(LATEST, upload, URL, LIMIT)
    assert (answer.status, answer.body) == (201, b"")
    assert answer.headers == {
        "Location": URL,
        "Upload-Complete": "?0",
        "Upload-Offset": "40",
        "Upload-Limit": "max-size=1000",
        "Cache-Control": "no-store",
    }


def test_the_answer_to_what_completes_an_upload_says_so() -> None:
    upload = an_upload(offset=100, state=Transfer.STORED, dialect=Dialect.IETF)
    assert answer_done(LATEST, upload, URL, LIMIT).headers["Upload-Complete"] == "?1"
    assert answer_done(OLDEST, upload, URL, LIMIT).headers["Upload-Incomplete"] == "?0"


def test_interim_responses_name_the_form_and_either_the_place_or_the_progress() -> None:
    upload = an_upload(offset=40, state=Transfer.RECEIVING, dialect=Dialect.IETF)
    assert created_fields(LATEST, URL, LIMIT) == {
        "Upload-Draft-Interop-Version": "9",
        "Location": URL,
        "Upload-Limit": "max-size=1000",
    }
    assert progress_fields(LATEST, upload) == {"Upload-Draft-Interop-Version": "9", "Upload-Offset": "40"}
    assert "Upload-Draft-Interop-Version" not in progress_fields(UNNAMED, upload)


NAMES = ["Upload-Complete", "Upload-Length", "Content-Length", "Transfer-Encoding", "Content-Type"]
NAMES += ["Content-Disposition", "Content-Encoding", "Content-Digest"]
VALUES = st.text() | st.sampled_from(["?0", "?1", "0", "5", "100", "chunked", "identity", "sha-256=:AAAA:"])


@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6))
def test_any_headers_make_a_creation_or_a_protocol_error(pairs: list[tuple[str, str]]) -> None:
    sent = Headers([("Upload-Complete", "?1"), *pairs])
    refusal: ProtocolError | None = refusal_of(lambda: parse_create(sent, FEATURES, LATEST))
    if refusal is not None:
        assert 400 <= refusal.status < 500
        assert explains(refusal)
        return
    creation = parse_create(sent, FEATURES, LATEST)
    assert creation.length is None or creation.length <= FEATURES.max_size
    assert creation.room is not None
    assert creation.body.least <= creation.room
