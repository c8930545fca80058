"""What the backend remembers of one upload in its row.

Belongs here: its form. Not here: committing it (`base.Ledger`).
"""

import json
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Committed before it is used."""

    multipart: str | None = None
    """Id of the upload's one multipart upload."""
    next_part: int = 1
    """Every lower part number was given to some writer, and belongs to it for ever."""
    part_size: int | None = None
    """Where all parts must be equal, or clients send them."""
    direct: Literal["plain", "sha256"] | None = None
    """Clients send the parts, and whether they prove them; None where we do."""

    def as_text(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})


def parse_memory(text: str) -> Memory:
    """Raises ValueError or TypeError for what we never wrote."""
    return Memory(**json.loads(text))
