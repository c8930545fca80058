"""One of several workers, as the supervisor starts it: `python -m tusd_py.worker`. Not for people.

Belongs here: taking over what the supervisor hands down, and ending when it ends. Not here: serving
(assemble).
"""

import os
import signal
import socket
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Sequence

from tusd_py.errors import Refused
from tusd_py.supervisor.handover import READY, HandoverBroken, read_settings

_EXIT_REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = ArgumentParser(prog="python -m tusd_py.worker", description="Started by the supervisor only.")
    parser.add_argument("--control", type=int, required=True, help="descriptor of the control socket")
    parser.add_argument("--listen", required=True, help="descriptors of listening sockets, with commas")
    parser.add_argument("--index", type=int, required=True, help="number of this worker, from 0")
    options = parser.parse_args(arguments)
    # ^C at a terminal reaches the whole group. The supervisor turns it into one SIGTERM; a second signal
    # would mean "now".
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    control = _adopt(options.control)
    try:
        return _serve(control, [_adopt(int(text)) for text in options.listen.split(",")], options.index)
    except Refused as refused:
        hint = f"\n  hint: {refused.hint}" if refused.hint else ""
        sys.stderr.write(f"error: {refused.message}{hint}\n")
        return _EXIT_REFUSED
    except HandoverBroken:
        return 1


def _serve(control: socket.socket, sockets: list[socket.socket], index: int) -> int:
    settings = read_settings(control)
    watching = threading.Thread(
        target=_end_with_supervisor,
        args=(control, settings.timeouts.shutdown),
        name="supervisor-watch",
        daemon=True,
    )
    watching.start()
    # Only now: it imports the server, and the descriptors above had to be made ours first.
    from tusd_py.assemble import run_worker  # noqa: PLC0415

    return run_worker(settings, sockets, lambda: control.sendall(READY), index)


def _adopt(descriptor: int) -> socket.socket:
    # Programs that a worker starts must not hold the sockets.
    os.set_inheritable(descriptor, False)
    return socket.socket(fileno=descriptor)


def _end_with_supervisor(control: socket.socket, patience: float) -> None:
    """The supervisor never writes again, so what wakes this is its death: stop as if told to."""
    try:
        control.recv(1)
    except OSError:
        return
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(patience)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
