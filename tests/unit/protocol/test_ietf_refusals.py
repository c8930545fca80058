"""Refusals in the words of the draft (RUFH-CRE-9, RUFH-PAT-2, RUFH-PAT-6)."""

import json

import pytest

from protocol.errors import (
    AlreadyComplete,
    ChecksumMismatch,
    DigestMismatch,
    FilenameRefused,
    InvalidContentType,
    InvalidUploadLength,
    MaxSizeExceeded,
    OffsetConflict,
    ProtocolError,
    ServerShutdown,
    TerminationRejected,
    TypeRefused,
    UploadGone,
    UploadInterrupted,
    UploadLocked,
    UploadNotFound,
    UploadRejected,
    UploadSizeExceeded,
    WrongDialect,
    leaves,
)
from protocol.ietf.interop import Interop
from protocol.ietf.refusals import answer_refused

LATEST = Interop(version=9)
OLDEST = Interop(version=3)
LIMIT = {"Upload-Limit": "max-size=1000"}
TYPES = "https://iana.org/assignments/http-problem-types#"

OURS = [error for error in leaves() if error.__module__ == "protocol.errors"]
REJECTIONS = [UploadRejected, TypeRefused, FilenameRefused, DigestMismatch]
# A conflict cannot be made without facts.
PLAIN = [error for error in OURS if error not in (OffsetConflict, *REJECTIONS)]


def said(error: ProtocolError) -> dict[str, object]:
    document: dict[str, object] = json.loads(answer_refused(error, LATEST, LIMIT).body)
    return document


@pytest.mark.parametrize("error", PLAIN)
def test_every_refusal_is_a_problem_document_that_denies_completion(error: type[ProtocolError]) -> None:
    answer = answer_refused(error(), LATEST, LIMIT)
    assert 400 <= answer.status <= 599
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Upload-Complete"] == "?0"
    assert not any(name.startswith("Tus-") for name in answer.headers)
    document = json.loads(answer.body)
    assert document["status"] == answer.status
    assert document["code"] == error.code
    assert document["title"]
    assert document["detail"] == str(error())


def test_the_oldest_form_says_incomplete() -> None:
    headers = answer_refused(UploadNotFound(), OLDEST, LIMIT).headers
    assert headers["Upload-Incomplete"] == "?1"
    assert "Upload-Complete" not in headers


def test_a_wrong_offset_is_409_with_the_right_one() -> None:
    error = OffsetConflict(sent=5, current=3)
    answer = answer_refused(error, LATEST, LIMIT)
    assert (answer.status, answer.headers["Upload-Offset"]) == (409, "3")
    document = said(error)
    assert document["type"] == TYPES + "mismatching-upload-offset"
    assert (document["expected-offset"], document["provided-offset"]) == (3, 5)


def test_lengths_that_contradict_each_other_have_a_type_of_their_own() -> None:
    document = said(InvalidUploadLength("Upload-Length is 5, but was 6"))
    assert document["type"] == TYPES + "inconsistent-upload-length"
    assert (document["status"], document["detail"]) == (400, "Upload-Length is 5, but was 6")


@pytest.mark.parametrize(
    "error", [UploadNotFound, UploadGone, AlreadyComplete, WrongDialect, InvalidContentType]
)
def test_other_refusals_are_of_no_type(error: type[ProtocolError]) -> None:
    assert said(error())["type"] == "about:blank"
    assert "expected-offset" not in said(error())


@pytest.mark.parametrize("error", [UploadLocked, UploadInterrupted, ServerShutdown])
def test_what_may_be_tried_again_is_5xx(error: type[ProtocolError]) -> None:
    """ "5xx ... MAY automatically attempt upload resumption", and after 4xx a client gives up (4.4.1)."""
    answer = answer_refused(error(), LATEST, LIMIT)
    assert answer.status == 503
    assert answer.headers["Retry-After"]


def test_a_body_of_another_digest_is_400() -> None:
    answer = answer_refused(ChecksumMismatch(), LATEST, LIMIT)
    assert (answer.status, answer.reason) == (400, None)


@pytest.mark.parametrize("error", REJECTIONS)
def test_what_is_said_of_a_file_is_the_answer_to_its_upload_which_is_over(
    error: type[ProtocolError],
) -> None:
    answer = answer_refused(error(), LATEST, LIMIT)
    assert (answer.status, answer.headers["Upload-Complete"]) == (error.status, "?1")
    assert json.loads(answer.body)["code"] == error.code


def test_a_hook_may_say_it_in_words_of_its_own() -> None:
    said = UploadRejected(
        status=422, body="no", headers={"content-type": "text/x-no", "upload-complete": "?0"}
    )
    answer = answer_refused(said, LATEST, LIMIT)
    assert (answer.status, answer.body) == (422, b"no")
    assert "Content-Type" not in answer.headers
    assert answer.headers["content-type"] == "text/x-no"
    silent = answer_refused(UploadRejected(headers={"content-type": "text/x-no"}), LATEST, LIMIT)
    assert silent.headers["Content-Type"] == "application/problem+json"
    assert "content-type" not in silent.headers


def test_a_delete_that_a_hook_refuses_makes_no_upload_complete() -> None:
    assert answer_refused(TerminationRejected(), LATEST, LIMIT).headers["Upload-Complete"] == "?0"


def test_bytes_beyond_the_length_contradict_it() -> None:
    """After a 413 a client would try with less at a time (4.1.4)."""
    document = said(UploadSizeExceeded("the body ends at 11 of Upload-Length 10"))
    assert (document["status"], document["type"]) == (400, TYPES + "inconsistent-upload-length")


def test_a_refusal_for_size_tells_the_limits() -> None:
    answer = answer_refused(MaxSizeExceeded(headers={"Tus-Max-Size": "1000"}), LATEST, LIMIT)
    assert answer.status == 413
    assert answer.headers["Upload-Limit"] == "max-size=1000"
    assert "Tus-Max-Size" not in answer.headers


def test_other_refusals_do_not() -> None:
    assert "Upload-Limit" not in answer_refused(UploadNotFound(), LATEST, LIMIT).headers


def test_what_a_refusal_says_in_headers_stays() -> None:
    error = ServerShutdown(headers={"Upload-Offset": "40", "Location": "/files/a"})
    headers = answer_refused(error, LATEST, LIMIT).headers
    assert (headers["Upload-Offset"], headers["Location"]) == ("40", "/files/a")


def test_hostile_text_in_a_refusal_cannot_leave_the_document() -> None:
    answer = answer_refused(WrongDialect('"}\r\n\r\n<script>\u00fc\udcff'), LATEST, LIMIT)
    assert answer.body.isascii()
    assert answer.body.count(b"\n") == 1
    assert json.loads(answer.body)["detail"] == '"}\r\n\r\n<script>\u00fc\udcff'
