"""A worker that serves nothing of ours: it shows what the supervisor does with workers.

It answers every connection with its pid, and does what the file `order` in its folder says:
"" serves, "freeze" stops inside SQLite's write lock, "freeze early" before it could say that it holds it,
"fail" exits at once, "refuse" exits with 2, "slow" never gets as far as serving, "deaf" ignores SIGTERM.
"""

import fcntl
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tusd_py.config.settings import Settings
from tusd_py.metadata.write_lock import WriteLock, lock_path


def serve(settings: Settings, sockets: list[socket.socket], ready: Callable[[], None], index: int) -> int:
    folder = Path(settings.storage.upload_dir)
    order = (folder / "order").read_text() if (folder / "order").exists() else ""
    with (folder / "starts").open("a") as starts:
        starts.write(f"{index} {os.getpid()}\n")
    if order in ("fail", "refuse"):
        return 1 if order == "fail" else 2
    while order == "slow":
        time.sleep(60)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, (lambda *_: None) if order == "deaf" else (lambda *_: stopping.set()))
    ready()
    threading.Thread(target=answer, args=(sockets[0],), daemon=True).start()
    if order == "freeze early" and index == 1:
        (folder / "order").unlink()
        with lock_path(folder / "tusd.db").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            while True:
                time.sleep(60)
    if order == "freeze" and index == 1:
        (folder / "order").unlink()
        with WriteLock(folder / "tusd.db").held():
            while True:
                time.sleep(60)
    while not stopping.wait(0.05):
        pass
    with (folder / "clean").open("a") as clean:
        clean.write("x")
    return 0


def answer(listener: socket.socket) -> None:
    listener.setblocking(True)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(str(os.getpid()).encode())
