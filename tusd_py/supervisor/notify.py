"""What systemd wants to hear (sd_notify(3)); elsewhere nothing happens."""

import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"


def notify(state: str, environ: Mapping[str, str]) -> None:
    """Tell the service manager, where there is one. Never fails: it is a courtesy."""
    path = environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    # A leading "@" stands for the NUL of the abstract namespace.
    address = "\0" + path[1:] if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.sendto(state.encode(), address)
    except OSError:
        return
