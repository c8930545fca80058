"""Ports for servers that tests start.

Belongs here: finding free ones. Not here: who listens on them.
"""

import socket


def free_ports(count: int) -> list[int]:
    """Different ones that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def free_port() -> int:
    """One that nobody listens on now."""
    return free_ports(1)[0]
