"""What hooks may say: what cannot become a response or a row is no answer."""

import json
from typing import Any

import pytest

from tusd_py.hooks.kinds import HookFailed, HookKind
from tusd_py.hooks.payload import read_answer


def read(answer: dict[str, Any]) -> None:
    read_answer(HookKind.PRE_CREATE, json.dumps(answer).encode())


def test_a_body_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(HookFailed, match=r"HTTPResponse\.Body has a lone surrogate, wanted UTF-8"):
        read({"HTTPResponse": {"Body": "a\ud800"}})


def test_a_body_that_came_as_bytes_that_are_no_utf_8_is_refused() -> None:
    # json.loads takes these bytes for the surrogate that they would be.
    with pytest.raises(HookFailed, match=r"HTTPResponse\.Body"):
        read_answer(HookKind.PRE_FINISH, b'{"HTTPResponse": {"Body": "\xed\xa0\x80"}}')


@pytest.mark.parametrize("name", ["", " ", "a b", "X-A:", "X\r\nY", "\x00", "ünï", "\ud800", "a/b", "(a)"])
def test_a_header_whose_name_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(HookFailed, match=r"HTTPResponse\.Header has the name .*, wanted a token"):
        read({"HTTPResponse": {"Header": {name: "x"}}})


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "\x00", "\x1b[0m", "\x7f", "\ud800", 1, None, ["x"]])
def test_a_header_whose_value_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(HookFailed, match=r"HTTPResponse\.Header has .* for X-A"):
        read({"HTTPResponse": {"Header": {"X-A": value}}})


@pytest.mark.parametrize(
    "name",
    [
        *("Content-Length", "content-length", "Transfer-Encoding", "Connection", "Keep-Alive"),
        *("Proxy-Connection", "TE", "Trailer", "Upgrade"),
    ],
)
@pytest.mark.parametrize("rejects", [False, True])
def test_how_an_answer_travels_is_not_for_hooks_to_say(name: str, rejects: bool) -> None:
    with pytest.raises(
        HookFailed, match=rf"HTTPResponse\.Header has {name}, which belongs to the connection"
    ):
        read({"RejectUpload": rejects, "HTTPResponse": {"Header": {name: "5"}}})


def test_what_fits_into_a_response_is_granted() -> None:
    headers = {"X-Plan": "frée\tof charge", "!#$%&'*+-.^_`|~": "", "Location": "/there"}
    said = json.dumps({"HTTPResponse": {"Body": "👍\n", "Header": headers}}).encode()
    answer = read_answer(HookKind.PRE_CREATE, said)
    assert (answer.http.body, answer.http.headers) == ("👍\n", headers)


@pytest.mark.parametrize("metadata", [{"a": "\ud800"}, {"\ud800": "a"}])
def test_metadata_that_is_no_utf_8_is_refused(metadata: dict[str, str]) -> None:
    with pytest.raises(HookFailed, match=r"ChangeFileInfo\.MetaData has a lone surrogate, wanted UTF-8"):
        read({"ChangeFileInfo": {"MetaData": metadata}})
