"""The first moments of a forked worker, in which it drops what its supervisor has, and its last.

Belongs here: what a fork leaves behind. Not here: starting it (child.py), serving (assemble).
"""

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tusd_py.errors import Refused
from tusd_py.server.metrics import count_beside_others

READY = b"ready\n"
"""What a worker writes to its supervisor when it serves. That the pair of sockets ends tells either side that
the other died."""
EXIT_REFUSED = 2
"""A worker that ends so will not start the next time either: the settings are at fault."""
HANDLED = (signal.SIGTERM, signal.SIGINT)
"""By the supervisor's event loop, whose handlers a worker must not run."""

_STANDARD = (0, 1, 2)
# What systemd means for the supervisor alone.
_PRIVATE = ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID")

Work = Callable[[list[socket.socket], Callable[[], None], int], int]
"""Serve on those sockets, and say when, as worker number ..., from 0. The exit code. May raise Refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How every worker is made."""

    work: Work
    sockets: Sequence[socket.socket]
    metrics_folder: str
    patience: float
    """Seconds that a worker has for its end, once the supervisor is gone."""


def be_worker(recipe: Recipe, index: int, control: socket.socket) -> NoReturn:
    """What the child of a fork does instead of returning. Both HANDLED signals have to be blocked."""
    code = 1
    try:
        _leave_supervisor(control, recipe.sockets)
        count_beside_others(recipe.metrics_folder)
        watching = threading.Thread(
            target=_end_with_supervisor, args=(control, recipe.patience), name="supervisor-watch", daemon=True
        )
        watching.start()
        code = recipe.work(list(recipe.sockets), lambda: control.sendall(READY), index)
    except Refused as refused:
        hint = f"\n  hint: {refused.hint}" if refused.hint else ""
        sys.stderr.write(f"error: {refused.message}{hint}\n")
        code = EXIT_REFUSED
    except BaseException:  # noqa: BLE001 - nothing may get into the frames of the supervisor, which are below
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _leave_supervisor(control: socket.socket, listening: Sequence[socket.socket]) -> None:
    """Its signals, its descriptors, its environment. Its objects stay as they are: nobody uses them again."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # ^C at a terminal reaches the whole group. The supervisor turns it into one SIGTERM; a second signal
    # would mean "now". So SIGINT stays blocked.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    _close_all_but({*_STANDARD, control.fileno(), *(sock.fileno() for sock in listening)})
    for name in _PRIVATE:
        os.environ.pop(name, None)


def _close_all_but(kept: set[int]) -> None:
    # The control sockets of other workers are among them: held here, their end would never come.
    for descriptor in _open_descriptors():
        if descriptor not in kept:
            with suppress(OSError):  # the one that listed them
                os.close(descriptor)


def _open_descriptors() -> Iterable[int]:
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return [int(entry.name) for entry in Path(folder).iterdir()]
    return range(os.sysconf("SC_OPEN_MAX"))


def _end_with_supervisor(control: socket.socket, patience: float) -> None:
    """The supervisor never writes, so what wakes this is its death: stop as if told to."""
    try:
        control.recv(1)
    except OSError:
        return
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(patience)
    os._exit(1)
