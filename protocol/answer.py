"""What a client is answered, before any HTTP library sees it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response. The sender leaves the body out where HTTP has none (HEAD, 204)."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    reason: str | None = None
    """The reason phrase, where HTTP has no name for the status."""
