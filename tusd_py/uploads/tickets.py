"""Tickets under the installation's keys.

Belongs here: which key signs, and for how long. Not here: their form (access/signing.py), who gets one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tusd_py.access.signing import Purpose, Ticket, sign, verified
from tusd_py.metadata.signing_keys import NewKey, SigningKeyRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Tickets:
    """Makes and reads them. Keys are read each time: a key that was dropped counts nowhere any more."""

    keys: SigningKeyRows
    clock: Callable[[], float]
    """Seconds since the epoch. Nodes whose clocks differ by so much take tickets for as much longer."""
    new_key: Callable[[], NewKey]

    async def give(
        self, purpose: Purpose, file_id: str, version: int, bearer: tuple[str, ...], *, lifetime: float
    ) -> tuple[str, int]:
        """A ticket for `lifetime` seconds, and when it ends, in seconds since the epoch."""
        key = await self.keys.newest(self.new_key())
        ticket = Ticket(
            purpose=purpose,
            file_id=file_id,
            version=version,
            expires_at=int(self.clock() + lifetime),
            bearer=bearer,
        )
        return sign(ticket, key), ticket.expires_at

    async def read(self, text: str, purpose: Purpose) -> Ticket:
        """Raises TicketRefused."""
        return await verified(text, purpose, key_of=self.keys.find, now=self.clock())
