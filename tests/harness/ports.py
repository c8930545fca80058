"""Ports for servers that tests start.

Belongs here: finding free ones. Not here: who listens on them.
"""

import itertools
import os
import random
import re
import socket
from collections.abc import Iterator

_LOWEST = 10_000
_TOP = 32_768
"""From here on Linux takes ports for connections that go out, and might take one before its server does."""
_PROCESSES = 16
"""Of pytest-xdist, that get ports of their own."""


def _mine() -> Iterator[int]:
    """Those of this process, one after the other: a server that is down comes back to its own."""
    number = re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or "0"
    ports = range(_LOWEST + int(number) % _PROCESSES, _TOP, _PROCESSES)
    # Programs that tests start may look for ports, too.
    start = random.SystemRandom().randrange(len(ports))
    return itertools.cycle([*ports[start:], *ports[:start]])


_PORTS = _mine()


def free_ports(count: int) -> list[int]:
    """Different ones that nobody listens on now."""
    return list(itertools.islice(filter(_is_free, _PORTS), count))


def free_port() -> int:
    """One that nobody listens on now."""
    return free_ports(1)[0]


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
