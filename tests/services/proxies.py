"""nginx and haproxy, with the files in deploy/ as they are shipped but for ports, nodes and paths.

Belongs here: running them. Not here: what is tested with them.
"""

import csv
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.harness.ports import free_port
from tests.harness.server import ROOT
from tests.harness.wire import Address
from tests.services.programs import find

_WITHIN = 60.0
_STATISTICS = "haproxy.sock"
_PAUSE = 0.02

Proxy = Callable[[Sequence[Address], Path], Iterator[Address]]


class ProxyMissing(Exception):
    """The program is not on this machine."""


@contextmanager
def nginx(
    nodes: Sequence[Address], folder: Path, spoiled: Mapping[str, str] | None = None
) -> Iterator[Address]:
    """Its address, while it runs in front of `nodes`. Raises ProxyMissing.

    `spoiled` is what else is changed in the file, for tests that find out that it was.
    """
    node = "server 127.0.0.1:8080 max_fails=1 fail_timeout=2s;"
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    port = free_port()
    changes = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        node: "\n".join(node.replace("127.0.0.1:8080", _name(address)) for address in nodes),
        "/run/nginx.pid;": f"{folder}/nginx.pid;",
        "/var/log/nginx/access.log shown;": f"{folder}/nginx-access.log shown;",
        "/var/log/nginx/error.log;": f"{folder}/nginx-error.log;",
        # Where it may write without being root.
        "\nhttp {\n": f"\nhttp {{\n{temporary}\n",
        **(spoiled or {}),
    }
    config = _changed("nginx.conf", changes, folder)
    # Its workers would be somebody who may not enter the folders of tests.
    user = " user root;" if os.geteuid() == 0 else ""
    start = ["-p", str(folder), "-c", str(config), "-e", f"{folder}/nginx-start.log"]
    start += ["-g", f"daemon off;{user}"]
    with _running("nginx", start, folder, port) as address:
        yield address


@contextmanager
def haproxy(nodes: Sequence[Address], folder: Path) -> Iterator[Address]:
    """Its address, while it runs in front of `nodes`. Raises ProxyMissing."""
    servers = [f"    server node{number} {_name(node)}" for number, node in enumerate(nodes, start=1)]
    port = free_port()
    changes = {
        "bind :80 ": f"bind 127.0.0.1:{port} ",
        "\nglobal\n": f"\nglobal\n    stats socket {folder}/{_STATISTICS}\n",
        "    server node1 127.0.0.1:8080": "\n".join(servers),
    }
    config = _changed("haproxy.cfg", changes, folder)
    # Its sockets get their names one after the other.
    named = folder / _STATISTICS
    with _running("haproxy", ["-db", "-f", str(config)], folder, port, named=named) as address:
        yield address


def received_by_haproxy(folder: Path) -> int:
    """Bytes that clients have sent to the one in `folder`, heads of requests too."""
    return sum(int(row["bin"]) for row in _statistics(folder) if row["svname"] == "FRONTEND")


def checked_by_haproxy(folder: Path) -> str:
    """What the last health check of the first node said, in haproxy's words; empty before there was one."""
    (said,) = (row["check_status"] for row in _statistics(folder) if row["svname"] == "node1")
    return "" if said.startswith(("INI", "*")) else said


def _statistics(folder: Path) -> list[dict[str, str]]:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(folder / _STATISTICS))
        asking.sendall(b"show stat\n")
        with asking.makefile(newline="") as answer:
            return list(csv.DictReader(line.removeprefix("# ") for line in answer if line.strip()))


def missing(program: str) -> str | None:
    """Why it cannot run here; None when it can."""
    return None if find(program) else f"no {program}: apt-get install {program}"


def _name(address: Address) -> str:
    return f"{address.host}:{address.port}"


def _changed(name: str, changes: Mapping[str, str], folder: Path) -> Path:
    text = (ROOT / "deploy" / name).read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, f"deploy/{name} has {old!r} {text.count(old)} times, wanted once"
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text)
    return path


@contextmanager
def _running(
    program: str, arguments: list[str], folder: Path, port: int, *, named: Path | None = None
) -> Iterator[Address]:
    found = find(program)
    if found is None:
        raise ProxyMissing(missing(program))
    with (folder / f"{program}.log").open("wb") as log:
        process = subprocess.Popen([found, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(process, port, named, folder / f"{program}.log")
        yield Address("127.0.0.1", port)
    finally:
        process.terminate()
        process.wait(_WITHIN)


def _wait_for(process: "subprocess.Popen[bytes]", port: int, named: Path | None, log: Path) -> None:
    deadline = time.monotonic() + _WITHIN
    while True:
        with socket.socket() as knocking:
            listens = knocking.connect_ex(("127.0.0.1", port)) == 0
            if listens and (named is None or named.exists()):
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} does not listen:\n{log.read_text(errors='replace')}")
        time.sleep(_PAUSE)
