"""What is a small request: everything that could be read in two ways is none."""

import pytest

from tusd_py.server.small_request import cut_out, head_size, plain_headers

HEAD = (
    b"PATCH /files/0123456789abcdef0123456789abcdef HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\n"
    b"Upload-Offset: 0\r\nContent-Length: 3\r\n\r\n"
)
LONGEST = 4096


def test_a_whole_request_is_cut_out() -> None:
    found = cut_out(HEAD + b"xyz", LONGEST)
    assert found is not None
    assert (found.method, found.path, found.body) == (
        "PATCH",
        "/files/0123456789abcdef0123456789abcdef",
        b"xyz",
    )
    assert found.own == {"upload-offset": "0", "content-length": "3"}
    assert found.rest == (b"Host: a", b"Tus-Resumable: 1.0.0")
    assert head_size(HEAD + b"xyz") == len(HEAD)


def test_names_may_be_written_in_small_letters() -> None:
    found = cut_out(HEAD.replace(b"Upload-Offset", b"upload-offset") + b"xyz", LONGEST)
    assert found is not None
    assert found.own["upload-offset"] == "0"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"xyz", b"xy"),
        (b"xyz", b"xyzz"),
        (b"xyz", b"xyzPATCH / HTTP/1.1\r\n\r\n"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"PATCH /", b"GET /"),
        (b"PATCH /", b"patch /"),
        (b"PATCH /", b"PATCH http://a/"),
        (b"/files/", b"/files/%"),
        (b"/files/", b"/files/?a"),
        (b"PATCH /", b"PATCH  /"),
        (b"Host: a\r\n", b"Host: a\n"),
        (b"Host: a\r\n", b"Host: a\r"),
        (b"Host: a\r\n", b"Host: a\rb\nc\r\n"),
        (b"Host: a", b"Host: a\tb"),
        (b"Host: a", b"Host: a\0"),
        (b"Host: a", b"Host: \xc3\xa4"),
        (b"Content-Length: 3", b"Content-Length: +3"),
        (b"Content-Length: 3", b"Content-Length: 3, 3"),
        (b"Content-Length: 3", b"Content-Length: 0x3"),
        (b"Content-Length: 3", b"Content-Length : 3"),
        (b"Content-Length: 3", b"Content-Length:"),
        (b"Content-Length: 3", b"Content-Length: 3\r\nUpload-Metadata"),
        (b"Content-Length: 3", b"Content-Length: 3\r\ncontent-length: 3"),
        (b"Upload-Offset: 0", b"Upload-Offset: 0\r\nUpload-Offset: 0"),
        (b"Host: a", b"Host: " + b"a" * LONGEST),
    ],
)
def test_nothing_else_is(before: bytes, after: bytes) -> None:
    assert cut_out((HEAD + b"xyz").replace(before, after, 1), LONGEST) is None


def test_the_rest_of_a_head_is_read() -> None:
    assert plain_headers((b"Host: a:1", b"Accept:*/*", b"X-Empty: ")) == {
        "host": "a:1",
        "accept": "*/*",
        "x-empty": "",
    }


@pytest.mark.parametrize(
    "line",
    [
        b" folded",
        b"Host: b",
        b"No-Colon",
        b"Spaced : a",
        b"Under_scored: a",
        b": a",
        b"",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"Connection: Upgrade",
        b"Expect: 100-continue",
        b"Content-Encoding: gzip",
        b"X-HTTP-Method-Override: DELETE",
        b"Upload-Concat: partial",
        b"Upload-Defer-Length: 1",
    ],
)
def test_a_rest_with_anything_that_means_something_else_is_not(line: bytes) -> None:
    assert plain_headers((b"Host: a", line)) is None


def test_a_rest_without_a_host_is_not() -> None:
    assert plain_headers((b"Accept: */*",)) is None
