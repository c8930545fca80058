"""A real clamd, with a signature for EICAR and nothing else; no freshclam.

`ClamdServer` starts, stops, kills and freezes one; the fixture gives one to a test session.

Belongs here: running the daemon. Not here: what is tested with it.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from tests.harness.ports import free_port
from tests.services.programs import find, why_missing
from tusd_py.scanning.specimens import EICAR

SIGNATURE = "Test.Eicar.UNOFFICIAL"
LIMIT = 8 << 20
"""StreamMaxLength and the other limits, in bytes."""
_PATIENCE = 30.0
_PAUSE = 0.02
_SETTINGS: Mapping[str, str] = {
    "Foreground": "yes",
    "SelfCheck": "0",
    "OfficialDatabaseOnly": "no",
    "AlertExceedsMax": "yes",
    "AlertEncrypted": "yes",
    "StreamMaxLength": str(LIMIT),
    "MaxFileSize": str(LIMIT),
    "MaxScanSize": str(LIMIT),
    "MaxThreads": "8",
    "MaxConnectionQueueLength": "64",
}


class ClamdMissing(Exception):
    """There is no clamd on this machine."""


class ClamdServer:
    """One daemon with its files in a folder of its own; a context manager that starts and stops it."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        """`folder` must not exist; its path must be short enough for a Unix socket."""
        self.folder = folder
        self.settings = {**_SETTINGS, **(settings or {})}
        self.port = free_port()
        self._program = find_program()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        (self.folder / "signatures").mkdir(parents=True)
        signature = f"{SIGNATURE.removesuffix('.UNOFFICIAL')}:0:*:{EICAR.hex()}\n"
        (self.folder / "signatures" / "test.ndb").write_text(signature)
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    @property
    def socket(self) -> str:
        """Its Unix socket."""
        return str(self.folder / "socket")

    @property
    def pid(self) -> int:
        assert self._process is not None, "clamd is not running"
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers."""
        Path(self.socket).unlink(missing_ok=True)
        self._write_settings()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, f"--config-file={self.folder / 'clamd.conf'}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _PATIENCE
        while not Path(self.socket).exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"clamd does not start:\n{self.log()}")
            time.sleep(_PAUSE)

    def stop(self) -> None:
        """Nothing when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def restart(self, settings: Mapping[str, str] | None = None) -> None:
        """With other settings if given."""
        self.stop()
        self.settings |= settings or {}
        self.start()

    def freeze(self) -> None:
        """SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _write_settings(self) -> None:
        places = {
            "DatabaseDirectory": str(self.folder / "signatures"),
            "LocalSocket": self.socket,
            "TCPSocket": str(self.port),
            "TCPAddr": "127.0.0.1",
            "TemporaryDirectory": str(self.folder),
        }
        lines = [f"{name} {value}\n" for name, value in {**places, **self.settings}.items()]
        (self.folder / "clamd.conf").write_text("".join(lines))

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(how)
        self._process.wait(_PATIENCE)
        self._process = None


def find_program() -> str:
    """Raises ClamdMissing."""
    found = find("clamd")
    if found is None:
        raise ClamdMissing("no clamd: install the package clamav-daemon")
    return found


@contextmanager
def temporary_clamd(settings: Mapping[str, str] | None = None) -> Iterator[ClamdServer]:
    """A daemon in a temporary folder. Without the program: skips."""
    if reason := why_missing(find_program, ClamdMissing):
        pytest.skip(reason)
    with (
        tempfile.TemporaryDirectory(prefix="tusd-py-clamd-") as folder,
        ClamdServer(Path(folder) / "clamd", settings) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def clamd_server() -> Iterator[ClamdServer]:
    """One for the session, for tests that do not harm it."""
    with temporary_clamd() as server:
        yield server


@pytest.fixture
def own_clamd() -> Iterator[ClamdServer]:
    """One for a test that stops, kills or freezes it."""
    with temporary_clamd() as server:
        yield server
