"""What one worker did since somebody last asked, for the plots that operators see.

Belongs here: counting. Not here: keeping (metadata/minutes.py), metrics (server/metrics.py).
"""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Tally:
    """Plain numbers: this is counted for every body that arrives."""

    created: int = 0
    """Uploads."""
    finished: int = 0
    """Uploads whose bytes are all durable."""
    received: int = 0
    """Bytes written to storage, whether or not they were committed later."""

    def take(self) -> "Tally":
        """What there is; it is counted from 0 again."""
        taken = Tally(created=self.created, finished=self.finished, received=self.received)
        self.created = self.finished = self.received = 0
        return taken

    def give_back(self, taken: "Tally") -> None:
        """It could not be kept: count it with what came since."""
        self.created += taken.created
        self.finished += taken.finished
        self.received += taken.received
