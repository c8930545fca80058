"""`tusd-py work`: scans in a process of its own."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.harness.scanned import get, scanning_settings, send, until_settled, until_verdict, verdicts_told
from tests.harness.server import Server, until
from tests.services.clamd import ClamdServer

from .test_scanning import CLEAN, INFECTED


@asynccontextmanager
async def working(server: Server) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command beside the server."""
    with (server.folder / "work.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *server.command("work"), stdout=log, stderr=log, env=os.environ
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_files_wait_for_the_process_that_scans(tmp_path: Path, clamd_server: ClamdServer) -> None:
    settings = {**scanning_settings(clamd_server.socket), "scan.in_server": "false"}
    async with Server(folder=tmp_path, settings=settings) as server:
        clean, infected = await send(server, CLEAN), await send(server, INFECTED)
        assert (await get(server, clean)).status == 409
        async with working(server) as process:
            await until_verdict(server, infected, "infected", 40)
            await until_verdict(server, clean, "clean", 40)
            assert [(await get(server, one)).status for one in (clean, infected)] == [200, 403]
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 15) == 0
        assert "scan.done" not in server.log


async def test_one_that_is_killed_is_replaced_by_another(tmp_path: Path, own_clamd: ClamdServer) -> None:
    settings = {**scanning_settings(own_clamd.socket), "scan.in_server": "false"}
    async with Server(folder=tmp_path, settings=settings) as server:
        async with working(server) as process:
            log = server.folder / "work.log"
            await until(lambda: "scanner.proven" in log.read_text(), "clamd is proven", 40)
            own_clamd.freeze()
            sent = await send(server, INFECTED)
            process.kill()
            await process.wait()
        own_clamd.wake()
        async with working(server):
            await until_verdict(server, sent, "infected", 60)
            await until_settled(server)
        assert await verdicts_told(server) == {sent.id: 1}
