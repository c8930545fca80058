"""AWS Signature Version 4: for requests whose bodies we send ourselves, and URLs to which others send them.

botocore's signer takes half a millisecond, which is much for a part; this one leaves out what our requests
never have. A test compares the two.
Belongs here: signing. Not here: sending (wire.py), where credentials come from.
Source: AWS General Reference, "Create a signed AWS API request".
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

UNSIGNED = "UNSIGNED-PAYLOAD"
_ALGORITHM = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Signer:
    """Signs with credentials that renew themselves."""

    def __init__(self, credentials: Any, region: str) -> None:
        self._credentials = credentials
        self._region = region
        self._derived: tuple[str, str, bytes] = ("", "", b"")
        """Secret and day, and the key that follows from them."""

    async def headers(
        self, method: str, url: str, headers: Mapping[str, str], body_hash: str | None
    ) -> dict[str, str]:
        """All headers of the request; `body_hash` None leaves the body out of the signature.

        `url` is percent-encoded as the store wants it, its parameters are in order; values of headers have
        no two spaces in a row.
        """
        frozen = await self._credentials.get_frozen_credentials()
        time, scope = self._moment()
        parts = urlsplit(url)
        more = {"X-Amz-Date": time, "X-Amz-Content-SHA256": body_hash or UNSIGNED}
        if frozen.token:
            more["X-Amz-Security-Token"] = frozen.token
        signed = {name.lower(): value.strip() for name, value in (*headers.items(), *more.items())}
        signed["host"] = _host(parts.scheme, parts.hostname or "", parts.port)
        canonical = _canonical(method, parts.path, parts.query, signed, more["X-Amz-Content-SHA256"])
        signature = self._sign(frozen.secret_key, time, scope, canonical)
        return {
            **headers,
            **more,
            "Authorization": f"{_ALGORITHM} Credential={frozen.access_key}/{scope}, "
            f"SignedHeaders={_listed(signed)}, Signature={signature}",
        }

    async def url(self, method: str, url: str, headers: Mapping[str, str], expiry: int) -> str:
        """`url` for somebody else, for `expiry` seconds, and requests with just these headers.

        Whoever has it needs nothing more: never to be logged. It ends sooner where our credentials do.
        """
        frozen = await self._credentials.get_frozen_credentials()
        time, scope = self._moment()
        parts = urlsplit(url)
        signed = {name.lower(): value.strip() for name, value in headers.items()}
        signed["host"] = _host(parts.scheme, parts.hostname or "", parts.port)
        more = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{frozen.access_key}/{scope}",
            "X-Amz-Date": time,
            "X-Amz-Expires": str(expiry),
            "X-Amz-SignedHeaders": _listed(signed),
        }
        if frozen.token:
            more["X-Amz-Security-Token"] = frozen.token
        said = sorted([*parse_qsl(parts.query, keep_blank_values=True), *more.items()])
        query = urlencode(said, quote_via=quote, safe="~")
        canonical = _canonical(method, parts.path, query, signed, UNSIGNED)
        signature = self._sign(frozen.secret_key, time, scope, canonical)
        return f"{parts.scheme}://{parts.netloc}{parts.path}?{query}&X-Amz-Signature={signature}"

    def _moment(self) -> tuple[str, str]:
        """Now, and for what and when keys are good that are derived now."""
        time = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        return time, f"{time[:8]}/{self._region}/s3/aws4_request"

    def _sign(self, secret: str, time: str, scope: str, canonical: str) -> str:
        to_sign = f"{_ALGORITHM}\n{time}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        return _hmac(self._key(secret, time[:8]), to_sign).hex()

    def _key(self, secret: str, day: str) -> bytes:
        if self._derived[:2] != (secret, day):
            key = f"AWS4{secret}".encode()
            for step in (day, self._region, "s3", "aws4_request"):
                key = _hmac(key, step)
            self._derived = (secret, day, key)
        return self._derived[2]


def _canonical(method: str, path: str, query: str, signed: Mapping[str, str], body_hash: str) -> str:
    lines = (f"{name}:{signed[name]}" for name in sorted(signed))
    return "\n".join((method, path or "/", query, *lines, "", _listed(signed), body_hash))


def _listed(signed: Mapping[str, str]) -> str:
    return ";".join(sorted(signed))


def _hmac(key: bytes, message: str) -> bytes:
    return hmac.digest(key, message.encode(), "sha256")


def _host(scheme: str, name: str, port: int | None) -> str:
    """As HTTP clients send it."""
    name = f"[{name}]" if ":" in name else name
    return name if port in (None, _DEFAULT_PORTS.get(scheme)) else f"{name}:{port}"
