"""What a scanner promises.

A verdict is given only for a stream that was seen to its end. Whatever else happens (a hang-up, silence, an
answer that nobody knows) is no verdict, and never a good one.

Belongs here: the seam and its values. Not here: clamd (clamd.py), what a verdict is bound to (examine.py).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from protocol.upload import Verdict
from storage_backends.base import Block


class NoVerdict(Exception):
    """The scanner did not say what the bytes are; ask again later."""


class ScannerAway(NoVerdict):
    """It cannot be reached, or does not say a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a scanner said of a stream: clean, infected, or unscannable."""

    verdict: Verdict
    name: str | None = None
    """Of what was found, or why it could not be scanned."""


class Scanner(Protocol):
    """Looks at streams. Every method may be called by many tasks at once."""

    async def scan(self, blocks: AsyncIterator[Block]) -> Answer:
        """Scan all blocks. Raises NoVerdict, and whatever reading the blocks raises."""
        ...

    async def version(self) -> str:
        """The scanner and its signatures, changing whenever either does. Raises NoVerdict."""
        ...
