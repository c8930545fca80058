"""What is signed with the installation's keys: `payload.signature`, both in unpadded base64url.

The payload is a JSON object whose `k` says which key, the signature HMAC-SHA256 (RFC 2104) of the payload's
text behind a domain, so that what was signed for one purpose is nothing for another.

Belongs here: that form. Not here: what is said in it (passes.py, signing.py), the comparison with what came.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any


def written(said: Mapping[str, Any]) -> str:
    """As text that fits a URL, a header and a cookie."""
    return _encoded(json.dumps(said, separators=(",", ":")).encode())


def signature(text: str, *, domain: bytes, secret: bytes) -> str:
    """Of the text, not of what it decodes to: base64 has several spellings of one value."""
    return _encoded(hmac.digest(secret, domain + text.encode("ascii"), "sha256"))


def read(payload: str) -> dict[str, Any] | None:
    """None where it cannot be ours; only a right signature says that the rest is as it should be."""
    try:
        said = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    key_id = said.get("k") if isinstance(said, dict) else None
    # A database is asked for it, and takes neither NUL nor half of a character pair.
    return said if isinstance(key_id, str) and key_id.isprintable() else None


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
