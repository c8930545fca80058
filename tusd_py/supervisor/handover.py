"""What a worker gets from its supervisor, over one socket pair.

The supervisor writes the settings as one line of JSON (never on the command line: they hold secrets); the
worker writes `READY` when it serves. The pair stays open, and its end tells either side that the other died.

Belongs here: that format. Not here: processes (child.py, tusd_py/worker.py).
"""

import json
import socket
from dataclasses import asdict
from typing import Any

from tusd_py.config.keys import sections
from tusd_py.config.settings import Settings

READY = b"ready\n"

_PIECE = 65536


class HandoverBroken(Exception):
    """The supervisor ended before it had said everything."""


def encode(settings: Settings) -> bytes:
    """One line."""
    return json.dumps(asdict(settings)).encode() + b"\n"


def decode(line: bytes) -> Settings:
    """The settings that `encode` wrote."""
    written: dict[str, dict[str, Any]] = json.loads(line)
    made = {name: kind(**_with_tuples(written[name])) for name, kind in sections().items()}
    return Settings(**made)


def read_settings(control: socket.socket) -> Settings:
    """Wait for the settings. Raises HandoverBroken."""
    line = b""
    while not line.endswith(b"\n"):
        piece = control.recv(_PIECE)
        if not piece:
            raise HandoverBroken("the supervisor is gone")
        line += piece
    return decode(line)


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no tuples, and settings have no lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
