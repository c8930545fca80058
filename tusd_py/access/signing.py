"""Tickets: what we let somebody have for a while, signed so that nobody else can say it.

A ticket says which key, what for, which bytes, until when and for whom; a ticket for one thing is none for
another.

Belongs here: making and reading tickets, the comparison in constant time. Not here: their form (sealed.py),
keys (metadata), what a ticket opens (uploads/links.py).
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from protocol.errors import TicketRefused
from tusd_py.metadata.signing_keys import SigningKey

from .sealed import read, signature, written

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
    payload = written(said)
    return f"{payload}.{signature(payload, domain=_DOMAIN, secret=key.secret)}"


async def verified(text: str, purpose: Purpose, *, key_of: KeyOf, now: float) -> Ticket:
    """What a ticket says, when it is one of ours, for this purpose, and `now` (seconds) is before its end.

    Raises TicketRefused, which never says which of these it was.
    """
    payload, _, given = text.partition(".")
    said = read(payload) if len(text) <= _LONGEST and text.isascii() else None
    key = await key_of(said["k"]) if said is not None else None
    if said is None or key is None:
        raise TicketRefused
    if not hmac.compare_digest(given, signature(payload, domain=_DOMAIN, secret=key.secret)):
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
