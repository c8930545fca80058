"""Upload-Checksum (SUM-1 to SUM-4)."""

from base64 import b64encode, urlsafe_b64encode
from contextlib import suppress
from dataclasses import replace
from hashlib import sha1

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.checksum import DIGEST_SIZES, Checksum
from protocol.errors import BadHeader, UnsupportedAlgorithm
from protocol.headers import Headers
from protocol.tus.checksum import parse_checksum
from protocol.tus.create import parse_create
from protocol.tus.options import answer_options
from protocol.tus.patch import parse_append

from .examples import FEATURES

OFFERED = replace(FEATURES, checksums=tuple(DIGEST_SIZES))


def sent(value: str) -> Headers:
    return Headers([("Upload-Checksum", value)])


def test_the_example_of_the_specification_is_read() -> None:
    (checksum,) = parse_checksum(sent("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="), OFFERED)
    assert checksum == Checksum(algorithm="sha1", digest=sha1(b"hello world", usedforsecurity=False).digest())


@pytest.mark.parametrize("algorithm", ["sha3", "SHA1", "Sha1", "", "crc-32", "sha1,md5"])
def test_an_algorithm_that_is_not_offered_is_refused_by_name(algorithm: str) -> None:
    with pytest.raises(UnsupportedAlgorithm):
        parse_checksum(sent(f"{algorithm} {b64encode(bytes(20)).decode()}"), OFFERED)


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "???",
        "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed",
        b64encode(bytes(19)).decode(),
        b64encode(bytes(21)).decode(),
        urlsafe_b64encode(b"\xff" * 20).decode(),
        b64encode(bytes(20)).decode().rstrip("="),
        " " + b64encode(bytes(20)).decode(),
        b64encode(bytes(20)).decode()[:-2] + "B=",
    ],
)
def test_what_is_not_a_digest_of_that_algorithm_is_refused(digest: str) -> None:
    with pytest.raises(BadHeader):
        parse_checksum(sent(f"sha1 {digest}"), OFFERED)


@given(text=st.text())
def test_nothing_but_a_refusal_comes_of_any_text(text: str) -> None:
    with suppress(BadHeader, UnsupportedAlgorithm):
        parse_checksum(sent(text), OFFERED)


def test_without_the_extension_the_header_means_nothing() -> None:
    assert parse_checksum(sent("nonsense"), FEATURES) == ()
    assert "checksum" not in answer_options(FEATURES).headers["Tus-Extension"]
    assert "Tus-Checksum-Algorithm" not in answer_options(FEATURES).headers


def test_options_announces_extension_and_algorithms_together() -> None:
    headers = answer_options(OFFERED).headers
    assert "checksum" in headers["Tus-Extension"].split(",")
    assert headers["Tus-Checksum-Algorithm"].split(",")[0] == "sha1"


def test_patch_and_post_with_a_body_carry_it() -> None:
    value = ("Upload-Checksum", f"md5 {b64encode(bytes(16)).decode()}")
    body = [("Content-Type", "application/offset+octet-stream"), ("Content-Length", "5"), value]
    wanted = Checksum(algorithm="md5", digest=bytes(16))
    assert parse_append(Headers([("Upload-Offset", "0"), *body]), OFFERED).checksums == (wanted,)
    assert parse_create(Headers([("Upload-Length", "5"), *body]), OFFERED).checksums == (wanted,)
    assert parse_create(Headers([("Upload-Length", "5"), value]), OFFERED).checksums == ()
