"""Our signatures are those of botocore, byte for byte."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from storage_backends.s3 import signing
from storage_backends.s3.signing import UNSIGNED, Signer

REGION = "eu-central-1"
WORD = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)


class Credentials:
    def __init__(self, frozen: ReadOnlyCredentials) -> None:
        self.frozen = frozen

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return self.frozen


def by_botocore(
    frozen: ReadOnlyCredentials, method: str, url: str, headers: Mapping[str, str], body_hash: str
) -> str:
    class Auth(auth.S3SigV4Auth):  # type: ignore[misc] # botocore has no types
        def payload(self, request: Any) -> str:
            return body_hash

    request = AWSRequest(method=method, url=url, headers=dict(headers))
    Auth(frozen, "s3", REGION).add_auth(request)
    return str(request.headers["Authorization"])


class Noon(datetime):
    """Always the same."""

    @classmethod
    def now(cls, tz: Any = None) -> "Noon":
        return cls(2026, 11, 26, 12, 0, 0, tzinfo=tz)


@pytest.fixture(autouse=True, scope="module")
def same_moment() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "datetime", Noon)
        patch.setattr(auth, "get_current_datetime", lambda: datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC))
        yield


@settings(deadline=None)
@given(
    method=st.sampled_from(["PUT", "GET"]),
    url=st.builds(
        lambda host, key, query: f"{host}/{quote(key, safe='/~', errors='replace')}{query}",
        st.sampled_from(
            ["http://127.0.0.1:8333", "https://bucket.s3.amazonaws.com", "https://store.example:443"]
        ),
        st.text(min_size=1, max_size=40),
        st.just("")
        | st.builds(
            lambda number, multipart: f"?partNumber={number}&uploadId={quote(multipart, safe='')}",
            st.integers(1, 10_000),
            WORD,
        ),
    ),
    headers=st.dictionaries(
        st.sampled_from(["Content-Type", "Range", "If-Match", "x-amz-meta-put", "x-amz-checksum-crc32c"]),
        WORD,
    ),
    body_hash=st.none() | st.just("ab" * 32),
    frozen=st.builds(ReadOnlyCredentials, st.just("AKIDEXAMPLE"), WORD, st.none() | WORD),
)
async def test_signatures_are_those_of_botocore(
    method: str,
    url: str,
    headers: dict[str, str],
    body_hash: str | None,
    frozen: ReadOnlyCredentials,
) -> None:
    signed = await Signer(Credentials(frozen), REGION).headers(method, url, headers, body_hash)
    assert signed["Authorization"] == by_botocore(frozen, method, url, headers, body_hash or UNSIGNED)
    assert signed.items() >= headers.items()
    assert signed.get("X-Amz-Security-Token") == frozen.token


@settings(deadline=None)
@given(
    url=st.builds(
        lambda key, number, multipart: (
            f"http://127.0.0.1:8333/{quote(key, safe='/~', errors='replace')}"
            f"?partNumber={number}&uploadId={quote(multipart, safe='')}"
        ),
        st.text(min_size=1, max_size=40),
        st.integers(1, 10_000),
        WORD,
    ),
    headers=st.fixed_dictionaries(
        {"Content-Length": st.integers(1, 5 << 30).map(str)}, optional={"x-amz-checksum-sha256": WORD}
    ),
    expiry=st.integers(1, 604_800),
    frozen=st.builds(ReadOnlyCredentials, st.just("AKIDEXAMPLE"), WORD, st.none() | WORD),
)
async def test_urls_for_others_are_signed_as_by_botocore(
    url: str, headers: dict[str, str], expiry: int, frozen: ReadOnlyCredentials
) -> None:
    request = AWSRequest(method="PUT", url=url, headers=dict(headers))
    auth.S3SigV4QueryAuth(frozen, "s3", REGION, expires=expiry).add_auth(request)
    ours = await Signer(Credentials(frozen), REGION).url("PUT", url, headers, expiry)
    assert _parts(ours) == _parts(request.url)


def _parts(url: str) -> tuple[str, list[tuple[str, str]]]:
    """The order of what it says has no meaning."""
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc}{split.path}", sorted(parse_qsl(split.query))


async def test_new_credentials_are_used_at_once() -> None:
    credentials = Credentials(ReadOnlyCredentials("one", "secret one", None))
    signer = Signer(credentials, REGION)
    url = "http://127.0.0.1:8333/bucket/key"
    await signer.headers("GET", url, {}, None)
    credentials.frozen = ReadOnlyCredentials("two", "secret two", "token")
    signed = await signer.headers("GET", url, {}, None)
    assert signed["Authorization"] == by_botocore(credentials.frozen, "GET", url, {}, UNSIGNED)
