"""Signatures of Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks, spec).

Belongs here: secrets and signatures. Not here: sending.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
LEAST, MOST = 24, 64
"""Bytes of a key, as the specification wants them."""


class BadSecret(ValueError):
    """Not a secret of Standard Webhooks; the message does not repeat it."""


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """The keys of `whsec_...`; several, with blanks between, while one takes the place of another.

    Raises BadSecret.
    """
    return tuple(_parse(one) for one in text.split())


def sign(keys: Sequence[bytes], *, message_id: str, at: int, body: bytes) -> Mapping[str, str]:
    """The three headers; `at` is in seconds since the epoch, of this attempt."""
    signed = b"%b.%d.%b" % (message_id.encode(), at, body)
    made = (base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in made),
    }


def _parse(text: str) -> bytes:
    if not text.startswith(PREFIX):
        raise BadSecret(f"it does not begin with {PREFIX}")
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:  # also for letters that are not ASCII
        raise BadSecret(f"what follows {PREFIX} is not base64") from None
    if not LEAST <= len(key) <= MOST:
        raise BadSecret(f"it has {len(key)} bytes, wanted {LEAST} to {MOST}")
    return key
