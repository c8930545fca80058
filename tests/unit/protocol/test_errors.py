import re

import pytest

from protocol.errors import InternalError, OffsetConflict, ProtocolError, UploadLocked, leaves

OURS = [error for error in leaves() if error.__module__ == "protocol.errors"]


@pytest.mark.parametrize("error", OURS)
def test_every_error_has_a_status_a_code_and_a_sentence(error: type[ProtocolError]) -> None:
    assert 400 <= error.status <= 599
    assert re.fullmatch(r"ERR_[A-Z_]+", error.code)
    assert error.__doc__
    assert "\n" not in error.__doc__


@pytest.mark.parametrize("error", OURS)
def test_every_5xx_and_423_says_when_to_come_back(error: type[ProtocolError]) -> None:
    assert error.retry_after or not (error.status >= 500 or error.status == 423)


def test_the_offset_is_told_only_where_it_is_known() -> None:
    known = OffsetConflict(sent=3, current=5)
    assert known.headers == {"Upload-Offset": "5"}
    assert str(known) == "mismatched offset: sent 3, the upload is at 5"
    assert OffsetConflict(sent=3, current=None).headers == {}


def test_the_body_is_in_tusd_s_form() -> None:
    assert UploadLocked().body == "ERR_UPLOAD_LOCKED: upload is being written by another request\n"
    assert UploadLocked().headers == {"Retry-After": "1"}
    assert InternalError("disk on fire").body == "ERR_INTERNAL_SERVER_ERROR: disk on fire\n"


def test_errors_do_not_share_their_headers() -> None:
    given_headers = {"Allow": "GET"}
    error = UploadLocked(headers=given_headers)
    error.headers["X"] = "1"
    assert given_headers == {"Allow": "GET"}
    assert UploadLocked().headers == {"Retry-After": "1"}
