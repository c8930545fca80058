"""The shipped systemd unit: what it starts, and what the program tells systemd."""

import asyncio
import configparser
import os
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness.ports import free_port
from tests.harness.server import ROOT
from tests.harness.wire import Address, request

UNIT = ROOT / "deploy" / "tusd-py.service"
INSTALLED = "/opt/tusd-py/bin/tusd-py"


def service() -> configparser.SectionProxy:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # how the library wants to be told
    unit.read(UNIT)
    return unit["Service"]


@asynccontextmanager
async def started(
    folder: Path, config: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, socket.socket]]:
    """What ExecStart says, with this interpreter and this configuration, and where it tells how it is."""
    (folder / "config.toml").write_text(config)
    program, *arguments = shlex.split(service()["ExecStart"])
    assert program == INSTALLED
    given = [str(folder / "config.toml") if one.endswith(".toml") else one for one in arguments]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(folder / "notify"))
        told.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tusd_py",
            *given,
            cwd=ROOT,
            env=os.environ | {"NOTIFY_SOCKET": str(folder / "notify")},
        )
        try:
            yield process, told
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.mark.parametrize("workers", [1, 2])
async def test_it_tells_when_it_listens_and_ends_when_told(tmp_path: Path, workers: int) -> None:
    assert service()["Type"] == "notify"
    port = free_port()
    config = (
        f"[server]\nport = {port}\nworkers = {workers}\n[storage]\nupload_dir = '{tmp_path}/data'\n"
        "[metrics]\nexpose_metrics = false\n"
    )
    loop = asyncio.get_running_loop()
    async with started(tmp_path, config) as (process, told), asyncio.timeout(60):
        assert await loop.sock_recv(told, 100) == b"READY=1"
        assert (await request(Address("127.0.0.1", port), "GET", "/readyz")).status == 200
        process.send_signal(signal.SIGTERM)
        assert await loop.sock_recv(told, 100) == b"STOPPING=1"
        assert await process.wait() == 0


async def test_whatever_it_fails_for_it_is_started_again(tmp_path: Path) -> None:
    assert service()["Restart"] == "on-failure"
    async with started(tmp_path, "[server]\nprot = 1\n") as (process, _), asyncio.timeout(60):
        assert await process.wait() == 2
