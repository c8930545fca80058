"""The seam to other systems.

Belongs here: what a way out must do, and how it fails. Not here: the ways (webhooks.py, kafka.py ...), when
something is sent (relay.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from tusd_py.metadata.relays import Message


class Undelivered(Exception):
    """The other side did not take it, as far as we know; the message says why, and no secret."""

    def __init__(self, why: str, *, is_away: bool, pause: float | None = None) -> None:
        """`is_away`: it did not answer, or not for itself, so the event is not to blame.

        `pause` is how many seconds it wants to be left alone.
        """
        super().__init__(why)
        self.is_away = is_away
        self.pause = pause


class Sink(Protocol):
    """One way out."""

    @property
    def name(self) -> str:
        """Names its row; another name is another relay."""
        ...

    async def open(self) -> None:
        """Before the first message of a term. Raises Undelivered."""
        ...

    async def close(self) -> None:
        """After the last. May be called without `open`."""
        ...

    async def send(self, message: Message) -> None:
        """Returns when the other side has it. Raises Undelivered."""
        ...


class SinkMeter(Protocol):
    """What is counted. Calls are cheap and never fail."""

    def relayed(self, relay: str, outcome: str) -> None:
        """`outcome`: delivered, failed (it is tried again) or dead."""
        ...

    def relay_stands(self, relay: str, *, waiting: int, is_down: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events a sink gets."""

    kinds: Sequence[str] = ()
    """With `*` for anything; empty for all."""
    tenants: Sequence[str] = ()
    """Empty for all."""

    def has(self, kind: str, tenant: str) -> bool:
        if self.tenants and tenant not in self.tenants:
            return False
        return not self.kinds or any(fnmatchcase(kind, wanted) for wanted in self.kinds)
