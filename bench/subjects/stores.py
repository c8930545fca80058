"""Object stores of the benchmark's own: the one that the tests start, and one that keeps nothing.

Belongs here: starting them, and the settings by which our server finds them. Not here: the cases.
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.harness.ports import free_port
from tests.services.seaweedfs import SeaweedMissing, SeaweedServer, find_program

from .subject import DidNotStart

_ROOT = Path(__file__).resolve().parents[2]
_READY_WITHIN = 10.0
_UNSIGNED = {"s3.s3_disable_content_hashes": "true"}
"""Bodies are left out of the signature, as they are over TLS; checksums stay."""


def seaweed_missing() -> str:
    """Why there is none; empty when there is."""
    try:
        find_program()
    except SeaweedMissing as missing:
        return str(missing)
    return ""


@contextmanager
def seaweed(disk: Path) -> Iterator[Mapping[str, str]]:
    """The settings of an empty bucket."""
    with (
        tempfile.TemporaryDirectory(prefix="tusd-py-bench-seaweedfs-", dir=disk) as folder,
        SeaweedServer(Path(folder), volume_size=512) as store,
    ):
        yield {**store.bucket("bench").settings(), **_UNSIGNED}


@contextmanager
def sink() -> Iterator[Mapping[str, str]]:
    """The settings of a bucket that throws everything away. Raises DidNotStart."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.sink", str(port)], cwd=_ROOT)
    try:
        _await_listening(process, port)
        yield {
            "storage.backend": "s3",
            "s3.s3_bucket": "bench",
            "s3.s3_endpoint": f"http://127.0.0.1:{port}",
            "s3.s3_provider": "seaweedfs",
            "s3.s3_access_key_id": "bench",
            "s3.s3_secret_access_key": "bench",
            **_UNSIGNED,
        }
    finally:
        process.kill()
        process.wait()


def _await_listening(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while True:
        with socket.socket() as knocking:
            if knocking.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise DidNotStart("the sink does not listen")
        time.sleep(0.02)
