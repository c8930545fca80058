"""One worker process, from its start to its end.

Belongs here: starting, readiness, signals. Not here: when to start another (supervise.py).
"""

import asyncio
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from .handover import READY


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How every worker is started."""

    command: Sequence[str]
    settings: bytes
    """As `handover.encode` makes it."""
    sockets: Sequence[socket.socket]
    environ: Mapping[str, str]


class Child:
    """A running worker."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self.was_ready = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if it has ended already."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def ready(self) -> bool:
        """Wait until it serves; False if it ends before that."""
        loop = asyncio.get_running_loop()
        heard = b""
        while not heard.endswith(READY):
            try:
                piece = await loop.sock_recv(self._control, len(READY))
            except OSError:
                piece = b""
            if not piece:
                return False
            heard += piece
        self.was_ready = True
        return True

    async def ended(self) -> int:
        """Wait for its end. The exit code; minus the signal's number if one killed it."""
        code = await self._process.wait()
        self._control.close()
        return code


async def start_child(recipe: Recipe, index: int) -> Child:
    """Start worker number `index`, counted from 0."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    listening = [sock.fileno() for sock in recipe.sockets]
    arguments = (
        f"--control={theirs.fileno()}",
        f"--listen={','.join(map(str, listening))}",
        f"--index={index}",
    )
    try:
        process = await asyncio.create_subprocess_exec(
            *recipe.command,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), *listening),
            env=dict(recipe.environ),
        )
    except BaseException:
        ours.close()
        raise
    finally:
        # Ours is the only other end now, so that the worker sees the supervisor's death as the end of it.
        theirs.close()
    child = Child(process, ours)
    # A worker that dies at once breaks the pipe; its exit says why.
    with suppress(BrokenPipeError, ConnectionResetError):
        await asyncio.get_running_loop().sock_sendall(ours, recipe.settings)
    return child


def worker_environ(environ: Mapping[str, str], **more: str) -> dict[str, str]:
    """The environment of a worker: without what systemd meant for the supervisor alone."""
    private = {"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID"}
    return {name: value for name, value in environ.items() if name not in private} | more


def ended_by(code: int) -> str:
    """For logs: "exit 1" or "SIGKILL"."""
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
