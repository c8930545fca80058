"""What the settings say of the connections of one server.

Belongs here: values. Not here: who keeps to them (bounded_connection.py, counting_server.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .location import NO_PROXIES, Trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRules:
    """The settings of one server's connections."""

    header_timeout: float
    """Seconds."""
    keep_alive: float
    """Seconds that a connection may be idle."""
    most: int
    """Connections open at once."""
    most_of_address: int = 0
    """Of these, from one address; 0 is no limit."""
    proxies: Trusted = NO_PROXIES
    """Whose connections are those of many."""
    longest_field: int
    """Bytes."""
    gathering: float = 0.0
    """Seconds that drips of a body may wait for more; see drips.py. 0 switches it off."""
    may_be_taken_over: bool = False
    """Large bodies may be read from the socket itself; see takeover.py."""
    on_unread: Mapping[str, str] = field(default_factory=dict)
    """Headers of the answer to what the parser could not read."""
