"""Hints between workers: on one host by a Unix datagram socket each, to other hosts by whatever reaches them.

A hint is never truth: it may be lost, late or doubled, and whoever gets one looks at the rows. Losing one
costs time (a take-over by force), nothing else.

Belongs here: carrying hints. Not here: what they mean (leases.py).
"""

import asyncio
import json
import os
import re
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

MAX_HINT = 512
"""Bytes."""
_WORKER = re.compile(r"[0-9a-f]{1,32}", re.ASCII)


class HintKind(StrEnum):
    """What is said."""

    RELEASE = "release"
    """Please save and let go of this upload."""
    RELEASING = "releasing"
    """I will."""
    RELEASED = "released"
    """I have."""
    LOOK = "look"
    """Please look at your rows: somebody who hears no hints asked for this upload there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One datagram."""

    kind: HintKind
    upload: str
    sender: str


class Beyond(Protocol):
    """Carries hints to and from other hosts; what it carries are texts of one line."""

    @property
    def listens(self) -> bool:
        """Whether hints from other hosts reach us now."""
        ...

    def send(self, worker: str, line: str) -> None:
        """Try to; never blocks, never fails."""
        ...


class Wakeups:
    """Sends and receives hints."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder = folder
        self._worker = worker
        self._beyond: Beyond | None = None
        self._heard: Callable[[Hint], None] | None = None
        self._socket: socket.socket | None = None
        self._directory: int | None = None

    @property
    def address(self) -> str:
        """Where others of this host find us; for the workers' table."""
        return str(self._folder / f"{self._worker}.sock")

    def open(self, heard: Callable[[Hint], None]) -> None:
        """Begin to listen; `heard` is called in the loop for every hint."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._heard = heard
        self._directory = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.setblocking(False)
        listener.bind(self._path(self._worker))
        self._socket = listener
        asyncio.get_running_loop().add_reader(listener.fileno(), self._readable)

    def reach(self, beyond: Beyond) -> None:
        """From now on, hints to workers without a socket here go that way."""
        self._beyond = beyond

    @property
    def hears_other_hosts(self) -> bool:
        """Hints of workers on other hosts reach us now."""
        return self._beyond is not None and self._beyond.listens

    def close(self) -> None:
        """Stop listening."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self.forget(self._worker)
        if self._directory is not None:
            os.close(self._directory)
            self._directory = None

    def send(self, worker: str, kind: HintKind, upload: str) -> None:
        """Try to tell `worker`; whether it heard is not known."""
        hint = json.dumps(asdict(Hint(kind=kind, upload=upload, sender=self._worker)))
        if not self._send_here(worker, hint.encode()) and self._beyond is not None:
            self._beyond.send(worker, hint)

    def _send_here(self, worker: str, content: bytes) -> bool:
        """False where no worker of that name listens on this host."""
        if self._socket is None:
            return False
        try:
            self._socket.sendto(content, self._path(worker))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True  # its queue is full: as good as lost, and nothing else would be quicker
        return True

    def receive(self, line: str) -> None:
        """What came from another host."""
        hint = _parse(line.encode())
        if hint is not None and self._heard is not None:
            self._heard(hint)

    def forget(self, worker: str) -> None:
        """Remove the socket of a dead worker."""
        (self._folder / f"{worker}.sock").unlink(missing_ok=True)

    def _path(self, worker: str) -> str:
        # A socket's path has at most 107 bytes; by way of the open folder it is short wherever that lies.
        if os.path.isdir(f"/proc/self/fd/{self._directory}"):  # noqa: PTH112 - a kernel name, not a file of ours
            return f"/proc/self/fd/{self._directory}/{worker}.sock"
        return str(self._folder / f"{worker}.sock")

    def _readable(self) -> None:
        while self._socket is not None and self._heard is not None:
            try:
                content = self._socket.recv(MAX_HINT)
            except (BlockingIOError, InterruptedError):
                return
            hint = _parse(content)
            if hint is not None:
                self._heard(hint)


def _parse(content: bytes) -> Hint | None:
    try:
        fields = json.loads(content)
        hint = Hint(kind=HintKind(fields["kind"]), upload=str(fields["upload"]), sender=str(fields["sender"]))
    except (ValueError, KeyError, TypeError):
        return None
    # It becomes the name of a socket when we answer.
    return hint if _WORKER.fullmatch(hint.sender) else None
