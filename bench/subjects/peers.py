"""Other tus servers, where they are installed: with their own defaults, and without logs of requests.

`make bench` installs those that a package registry carries; tusd and rustus are taken from PATH.

Belongs here: how they are started. Not here: what they get wrong (docs/conformance.md).
"""

import shutil
from pathlib import Path

from .subject import Subject

_PEERS = Path(__file__).resolve().parents[1] / "peers"
_PYTHON = _PEERS / ".venv" / "bin" / "python"

TUS_NODE = "@tus/server"
TUSPYSERVER = "tuspyserver"
TUSD = "tusd"
RUSTUS = "rustus"


def peers() -> list[Subject]:
    """All of them, those that are missing here too."""
    return [tus_node(), tusd(), rustus(), tuspyserver()]


def tus_node() -> Subject:
    node = shutil.which("node")
    is_there = node is not None and (_PEERS / "node_modules" / "@tus" / "server").exists()
    script = _PEERS / "tus_node_server.mjs"
    return Subject(
        name=TUS_NODE,
        # Its routes do not end in a slash.
        path="/files",
        command=lambda folder, port: [node or "node", str(script), str(folder), str(port)],
        missing="" if is_there else "needs Node and `npm --prefix bench/peers ci`",
    )


def tuspyserver() -> Subject:
    script = _PEERS / "tuspyserver_app.py"
    return Subject(
        name=TUSPYSERVER,
        path="/files/",
        command=lambda folder, port: [str(_PYTHON), str(script), str(folder), str(port)],
        missing="" if _PYTHON.exists() else "needs `make bench` once",
    )


def tusd() -> Subject:
    return Subject(
        name=TUSD,
        command=lambda folder, port: [
            *("tusd", "-host", "127.0.0.1", "-port", str(port), "-upload-dir", str(folder)),
            *("-base-path", "/files/", "-verbose=false", "-show-greeting=false"),
        ],
        missing="" if shutil.which("tusd") else "is not on PATH",
    )


def rustus() -> Subject:
    return Subject(
        name=RUSTUS,
        command=lambda folder, port: [
            *("rustus", "--host", "127.0.0.1", "--port", str(port), "--url", "/files/"),
            *("--data-dir", str(folder / "data"), "--info-dir", str(folder / "info")),
            *("--log-level", "ERROR"),
        ],
        missing="" if shutil.which("rustus") else "is not on PATH",
    )
