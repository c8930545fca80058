"""One worker process as its supervisor sees it, from its start to its end.

Belongs here: forking, readiness, signals. Not here: when to start another (supervise.py), and what the worker
does (worker.py).
"""

import asyncio
import os
import signal
import socket
from contextlib import suppress

from .worker import HANDLED, READY, Recipe, be_worker

_LOOK_EVERY = 0.01
"""Seconds. A process that has closed its last socket is gone within less."""


class Child:
    """A running worker."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid = pid
        self._control = control
        self._code: int | None = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if it has ended already."""
        if self._code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def ready(self) -> bool:
        """Wait until it serves; False if it ends before that."""
        heard = b""
        while not heard.endswith(READY):
            piece = await self._hear()
            if not piece:
                return False
            heard += piece
        return True

    async def ended(self) -> int:
        """Wait for its end. The exit code; minus the signal's number if one killed it."""
        while await self._hear():
            pass
        while self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)  # noqa: ASYNC222 - does not wait
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
            else:
                await asyncio.sleep(_LOOK_EVERY)
        self._control.close()
        return self._code

    async def _hear(self) -> bytes:
        """What the worker says; nothing once it is gone."""
        try:
            return await asyncio.get_running_loop().sock_recv(self._control, len(READY))
        except OSError:
            return b""


def start_child(recipe: Recipe, index: int) -> Child:
    """Fork worker number `index`, counted from 0. Raises OSError if there is no room for a process.

    It has what is imported here already: that is shared, and makes a start a matter of milliseconds.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    # Before the worker has handlers of its own, those of the event loop would tell this process its signals.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        pid = os.fork()
        if pid == 0:
            be_worker(recipe, index, theirs)
    except OSError:
        ours.close()
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        # Ours is the only other end now, so that the worker sees the supervisor's death as the end of it.
        theirs.close()
    return Child(pid, ours)


def ended_by(code: int) -> str:
    """For logs: "exit 1" or "SIGKILL"."""
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
