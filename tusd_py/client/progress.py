"""How far an upload is, for whoever watches.

Belongs here: adding up what parts say. Not here: drawing it (cli).
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Bytes of the whole upload. They may fall: what a dying connection took is sent again."""

    sent: int
    """What the connection took."""
    confirmed: int
    """What the server says it has."""
    length: int | None
    """None while nobody knows."""


OnProgress = Callable[[Progress], None]
"""Called in the event loop, for every block: it must not wait."""


class Tally:
    """Adds up the parts of one upload."""

    def __init__(self, on_progress: OnProgress | None, parts: int) -> None:
        self._on_progress = on_progress
        self._sent = [0] * parts
        self._confirmed = [0] * parts
        self.length: int | None = None

    def sent(self, part: int, offset: int) -> None:
        self._sent[part] = offset
        self._tell()

    def confirmed(self, part: int, offset: int) -> None:
        self._sent[part] = self._confirmed[part] = offset
        self._tell()

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(
                Progress(sent=sum(self._sent), confirmed=sum(self._confirmed), length=self.length)
            )
