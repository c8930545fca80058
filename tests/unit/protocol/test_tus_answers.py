import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import (
    ChecksumMismatch,
    MethodNotAllowed,
    OffsetConflict,
    ProtocolError,
    RepeatedHeader,
    UnsupportedVersion,
    leaves,
)
from protocol.expiry import expiry_headers
from protocol.features import Features
from protocol.headers import Headers
from protocol.tus.answers import answer_error
from protocol.tus.head import answer_head
from protocol.tus.options import answer_options, extensions_of
from protocol.tus.terminate import answer_terminated
from protocol.tus.version import check_version, effective_method
from protocol.upload import GONE, Kind, Transfer

from .examples import FEATURES, NOON, NOON_TEXT, UNLIMITED, an_upload, explains, headers, refusal_of


def test_the_version_spoken_is_accepted() -> None:
    check_version(headers(Tus_Resumable="1.0.0"))


@pytest.mark.parametrize(
    "text", ["0.2.2", "1.0", "1.0.1", "99.99.99", "", "1.0.0, 1.0.0", "01.0.0", "\u0661.0.0"]
)
def test_another_version_is_412_and_hears_which_are_spoken(text: str) -> None:
    with pytest.raises(UnsupportedVersion) as refusal:
        check_version(headers(Tus_Resumable=text))
    assert refusal.value.status == 412
    assert refusal.value.headers == {"Tus-Version": "1.0.0"}
    assert explains(refusal.value, "Tus-Resumable", "1.0.0")


def test_a_missing_version_is_412() -> None:
    with pytest.raises(UnsupportedVersion) as refusal:
        check_version(headers())
    assert explains(refusal.value, "Tus-Resumable", "missing")


def test_a_version_sent_twice_is_refused() -> None:
    with pytest.raises(RepeatedHeader):
        check_version(headers(("Tus-Resumable", "1.0.0"), ("Tus-Resumable", "0.2.2")))


@pytest.mark.parametrize("real", ["POST", "GET", "HEAD", "PATCH", "DELETE", "OPTIONS", "PUT"])
@pytest.mark.parametrize("meant", ["PATCH", "DELETE", "HEAD", "OPTIONS", "POST"])
def test_an_overriding_method_is_the_method_whatever_the_real_one_is(real: str, meant: str) -> None:
    assert effective_method(real, headers(X_HTTP_Method_Override=meant)) == meant
    assert effective_method(real, headers(x_http_method_override=meant.lower())) == meant


def test_without_an_override_the_method_is_the_real_one() -> None:
    assert effective_method("PATCH", headers()) == "PATCH"
    assert effective_method("patch", headers()) == "patch"


@pytest.mark.parametrize("override", ["Patch", "", "PATCH, POST", "po\u017ft", "X Y"])
def test_an_unknown_override_stays_unknown(override: str) -> None:
    assert effective_method("POST", headers(X_HTTP_Method_Override=override)) == override


@given(st.text(), st.text())
def test_reading_the_version_and_method_raises_only_protocol_errors(version: str, method: str) -> None:
    sent = Headers([("Tus-Resumable", version), ("X-HTTP-Method-Override", method)])
    effective_method("POST", sent)
    refusal = refusal_of(lambda: check_version(sent))
    assert refusal is None or refusal.status == 412


def test_options_tells_what_is_on() -> None:
    answer = answer_options(FEATURES)
    assert answer.status == 200
    assert re.fullmatch(r"\d+\.\d+\.\d+(,\d+\.\d+\.\d+)*", answer.headers["Tus-Version"])
    assert answer.headers == {
        "Tus-Resumable": "1.0.0",
        "Tus-Version": "1.0.0",
        "Tus-Extension": "creation,creation-with-upload,creation-defer-length,expiration,termination",
        "Tus-Max-Size": "1000",
    }


def test_options_does_not_tell_what_is_off() -> None:
    answer = answer_options(Features(max_size=0, metadata_limit=1, termination=False, expiration=False))
    assert answer.headers["Tus-Extension"] == "creation,creation-with-upload,creation-defer-length"
    assert "Tus-Max-Size" not in answer.headers
    assert extensions_of(UNLIMITED) == extensions_of(FEATURES)


def test_head_tells_the_offset_even_when_it_is_0() -> None:
    answer = answer_head(an_upload())
    assert answer.status == 200
    assert answer.body == b""
    assert answer.headers == {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Upload-Length": "100",
        "Cache-Control": "no-store",
    }


def test_head_of_a_complete_upload_still_tells_the_offset_and_no_date() -> None:
    answer = answer_head(an_upload(offset=100, state=Transfer.STORED, expires_at=NOON))
    assert answer.headers["Upload-Offset"] == answer.headers["Upload-Length"] == "100"
    assert "Upload-Expires" not in answer.headers


def test_head_tells_that_the_length_is_deferred_instead_of_a_length() -> None:
    told = answer_head(an_upload(length=None, offset=40)).headers
    assert told["Upload-Defer-Length"] == "1"
    assert "Upload-Length" not in told


def test_head_echoes_metadata_byte_for_byte() -> None:
    raw = "b Yg==, a YQ==,is_confidential"
    assert answer_head(an_upload(metadata=raw)).headers["Upload-Metadata"] == raw
    assert "Upload-Metadata" not in answer_head(an_upload()).headers


@pytest.mark.parametrize("state", list(Transfer))
def test_only_unfinished_uploads_expire(state: Transfer) -> None:
    unfinished = state in {Transfer.CREATED, Transfer.RECEIVING, Transfer.WAITING}
    expected = {"Upload-Expires": NOON_TEXT} if unfinished else {}
    assert expiry_headers(an_upload(state=state, expires_at=NOON)) == expected
    assert expiry_headers(an_upload(state=state)) == {}


@pytest.mark.parametrize("state", list(Transfer))
def test_a_partial_upload_expires_also_when_it_has_all_its_bytes(state: Transfer) -> None:
    there = state not in GONE
    expected = {"Upload-Expires": NOON_TEXT} if there else {}
    assert expiry_headers(an_upload(kind=Kind.PARTIAL, state=state, expires_at=NOON)) == expected
    assert expiry_headers(an_upload(kind=Kind.PARTIAL, state=state)) == {}


def test_termination_is_answered_without_a_body() -> None:
    answer = answer_terminated()
    assert (answer.status, answer.headers, answer.body) == (204, {"Tus-Resumable": "1.0.0"}, b"")


OURS = [error for error in leaves() if error.__module__ == "protocol.errors" and error is not OffsetConflict]


@pytest.mark.parametrize("error", OURS)
def test_every_refusal_carries_the_version_and_is_never_cached(error: type[ProtocolError]) -> None:
    answer = answer_error(error())
    assert answer.status == error.status
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.body.startswith(f"{error.code}: ".encode())
    assert answer.reason == error.reason


def test_a_refusal_carries_the_headers_of_its_error() -> None:
    assert answer_error(OffsetConflict(sent=1, current=40)).headers["Upload-Offset"] == "40"
    assert answer_error(MethodNotAllowed(headers={"Allow": "POST"})).headers["Allow"] == "POST"


def test_a_status_that_http_does_not_know_has_its_name() -> None:
    answer = answer_error(ChecksumMismatch())
    assert (answer.status, answer.reason) == (460, "Checksum Mismatch")


def test_a_message_that_utf_8_cannot_carry_is_still_sent() -> None:
    assert answer_error(MethodNotAllowed("\udcff")).body == b"ERR_METHOD_NOT_ALLOWED: ?\n"
