"""The two protocols that are asked about.

Belongs here: their names, and how a client says which of them it speaks. Not here: their requirements.
"""

from enum import StrEnum


class Specification(StrEnum):
    """The value is what `--protocol` calls it."""

    TUS = "tus"
    IETF = "ietf"
    """Resumable Uploads for HTTP, of the HTTP working group."""

    @property
    def name_in_full(self) -> str:
        return "tus 1.0.0" if self is Specification.TUS else "draft-ietf-httpbis-resumable-upload"
