"""Tickets: what we let somebody have for a while, signed so that nobody else can say it.

A ticket is `payload.signature`, both in unpadded base64url: a JSON object, and the HMAC-SHA256 (RFC 2104) of
the payload's text under one of the installation's keys. It says which key, what for, which bytes, until when
and for whom; a ticket for one thing is none for another.

Belongs here: making and reading tickets, the comparison in constant time. Not here: keys (metadata), what a
ticket opens (uploads/links.py).
"""

import binascii
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from protocol.errors import TicketRefused
from tusd_py.metadata.signing_keys import SigningKey

# Whatever else may be signed with these keys one day is not mistaken for a ticket.
_DOMAIN = b"tusd-py ticket 1\n"
_LONGEST = 2048
"""Characters; what we make is shorter, and nobody shall have us decode more."""


class Purpose(StrEnum):
    """What a ticket is for."""

    DOWNLOAD = "download"
    """One version, instead of saying who one is."""
    RESUME = "resume"
    """The rest of a download by a share link that was counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What is signed."""

    purpose: Purpose
    file_id: str
    """RESUME: a digest that stands for the file and the link. Whoever holds a ticket can read it."""
    version: int
    expires_at: int
    """Seconds since the epoch."""
    bearer: tuple[str, ...]
    """DOWNLOAD: tenant and subject who asked for it."""


KeyOf = Callable[[str], Awaitable[SigningKey | None]]
"""The key with this id, where its signatures count."""


def sign(ticket: Ticket, key: SigningKey) -> str:
    """The ticket as text that fits a URL, and a cookie."""
    said = {
        "k": key.id,
        "p": ticket.purpose,
        "f": ticket.file_id,
        "n": ticket.version,
        "x": ticket.expires_at,
        "b": ticket.bearer,
    }
    payload = _encoded(json.dumps(said, separators=(",", ":")).encode())
    return f"{payload}.{_signature(payload, key)}"


async def verified(text: str, purpose: Purpose, *, key_of: KeyOf, now: float) -> Ticket:
    """What a ticket says, when it is one of ours, for this purpose, and `now` (seconds) is before its end.

    Raises TicketRefused, which never says which of these it was.
    """
    payload, _, signature = text.partition(".")
    said = _read(payload) if len(text) <= _LONGEST and text.isascii() else None
    key = await key_of(said["k"]) if said is not None else None
    if said is None or key is None:
        raise TicketRefused
    # The texts are compared, not what they decode to: base64 has several spellings of one value.
    if not hmac.compare_digest(signature.encode(), _signature(payload, key).encode()):
        raise TicketRefused
    ticket = Ticket(
        purpose=Purpose(said["p"]),
        file_id=said["f"],
        version=said["n"],
        expires_at=said["x"],
        bearer=tuple(said["b"]),
    )
    if ticket.purpose is not purpose or now >= ticket.expires_at:
        raise TicketRefused
    return ticket


def _signature(payload: str, key: SigningKey) -> str:
    return _encoded(hmac.digest(key.secret, _DOMAIN + payload.encode(), "sha256"))


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _read(payload: str) -> dict[str, Any] | None:
    """None where it cannot be ours; only a right signature says that the rest is as it should be."""
    try:
        said = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    key_id = said.get("k") if isinstance(said, dict) else None
    # A database is asked for it, and takes neither NUL nor half of a character pair.
    return said if isinstance(key_id, str) and key_id.isprintable() else None
