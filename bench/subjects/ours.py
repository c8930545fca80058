"""This server, as its users start it: every setting at its default but those that a case is about.

Belongs here: its command. Not here: the cases.
"""

import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jwt

from .subject import Subject

_SYNC_INTERVAL = 6.0
"""The default is to sync every 5 s; then follows what the rows are told."""
_SECRET = secrets.token_hex(32)
_ISSUED = {"access.jwt_issuer": "bench", "access.jwt_audience": "tusd-py"}
_VALID = 24 * 3600
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What a case may choose."""

    durability: str = "process"
    workers: int = 1
    database_url: str = ""
    """Empty is SQLite in the folder of uploads."""
    logs_requests: bool = True
    logins: bool = False
    """Clients have to show a token."""
    store: Mapping[str, str] = field(default_factory=dict)
    """Settings of the object store that bytes go to; none is the folder."""

    def subject(self, name: str, *, missing: str = "") -> Subject:
        """The program with these settings."""
        return Subject(
            name=name,
            command=self._command,
            missing=missing,
            stores=not self.store,
            aftermath=_SYNC_INTERVAL if self.durability == "process" and not self.store else 0.0,
            # Other users may see a command line, and a URL may hold a password.
            environ={"TUSD_PY_DATABASE__URL": self.database_url} if self.database_url else {},
            credential=_token() if self.logins else "",
        )

    def _command(self, folder: Path, port: int) -> list[str]:
        settings = {
            "server.host": "127.0.0.1",
            "server.port": str(port),
            "server.workers": str(self.workers),
            "storage.upload_dir": str(folder),
            "storage.durability": self.durability,
            "log.show_greeting": "false",
            "log.requests": "true" if self.logs_requests else "false",
            # Not 9464, where another server of this machine may have its metrics.
            "metrics.port": "0",
            # Ten thousand idle connections, and one that asks how it goes.
            "limits.connections": "20000",
            **({"access.auth": "jwt", "access.jwt_secret": _SECRET, **_ISSUED} if self.logins else {}),
            **self.store,
        }
        return [
            *(sys.executable, "-m", "tusd_py", "serve"),
            *(f"--set={name}={value}" for name, value in settings.items()),
        ]


def _token() -> str:
    claims = {"iss": "bench", "aud": "tusd-py", "sub": "ann", "exp": int(time.time()) + _VALID}
    return jwt.encode(claims, _SECRET, "HS256")
