"""What a generator is told to do, and what it tells afterwards; both travel as one line of JSON.

Belongs here: those values. Not here: doing it (large.py, small.py, head.py, idle.py, slow.py).
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where uploads are created."""

    host: str
    port: int
    path: str
    """Of the endpoint, e.g. "/files/"."""
    credential: str = ""
    """What every request shows as its bearer's; nothing where there are no logins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeLoad:
    """Large uploads, one on each connection, all at once."""

    target: Target
    connections: int
    length: int
    """Bytes of each upload."""
    patch: int
    """Bytes of each PATCH."""
    checksum: str = ""
    """Algorithm of Upload-Checksum, or none. Made before the clock starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallLoad:
    """Small uploads one after the other on each of many keep-alive connections."""

    target: Target
    connections: int
    length: int
    seconds: float
    """No new upload begins after this, or after being told to stop; those that have begun are finished."""
    with_upload: bool
    """The bytes come with the POST; otherwise in a PATCH of their own."""
    most: int = 0
    """No new upload begins after so many; 0 is no limit."""
    first_number: int = 0
    """Of the first upload; see content.small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadLoad:
    """HEAD on an upload of its own, again and again until told to stop."""

    target: Target
    pause: float
    """Seconds between an answer and the next request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleLoad:
    """Connections that ask once and then say nothing."""

    target: Target
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowLoad:
    """Clients that each send a PATCH slowly and are cut off at the end."""

    target: Target
    connections: int
    rate: int
    """Bytes per second of each."""
    seconds: float


Load = LargeLoad | SmallLoad | HeadLoad | IdleLoad | SlowLoad

FAILED = "failed: "
"""Begins the line of a generator that could not do it."""

_KINDS: dict[str, type[Load]] = {
    kind.__name__: kind for kind in (LargeLoad, SmallLoad, HeadLoad, IdleLoad, SlowLoad)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from the first byte of a request to the last of its answer."""

    count: int
    p50: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one generator did."""

    seconds: float
    """From the start to the last answer."""
    cpu: float
    """Seconds of CPU that the generator itself took."""
    uploads: int = 0
    received: int = 0
    """Bytes that the server acknowledged."""
    open: int = 0
    """Connections still open at the end."""
    latency: dict[str, Latency] = field(default_factory=dict)
    """By method."""


def load_to_line(load: Load) -> str:
    return json.dumps({"kind": type(load).__name__, **asdict(load)})


def load_of_line(line: str) -> Load:
    """Raises KeyError, TypeError, ValueError for what is no load."""
    fields: dict[str, Any] = json.loads(line)
    kind = _KINDS[fields.pop("kind")]
    return kind(**{**fields, "target": Target(**fields["target"])})


def outcome_to_line(outcome: Outcome) -> str:
    return json.dumps(asdict(outcome))


def outcome_of_line(line: str) -> Outcome:
    """Raises KeyError, TypeError, ValueError for what is no outcome."""
    fields: dict[str, Any] = json.loads(line)
    latency = {method: Latency(**values) for method, values in fields.pop("latency").items()}
    return Outcome(**fields, latency=latency)
