"""Histories must find bugs. A slice of them runs with the crash suite (tests/crash/test_crash.py)."""

import asyncio
import re
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash.planted import environ
from tests.harness.server import DidNotHappen, Server

from .run import first_divergence
from .service import SETTINGS, Service


@pytest.mark.parametrize(
    ("bug", "shown"),
    [("no checksum", r"wanted Said\(status=4[06]0"), ("no renewal", "Upload-Expires|max-age")],
)
async def test_histories_show_a_server_with(bug: str, shown: str, tmp_path: Path, seed: int) -> None:
    server = Server(folder=tmp_path, environ=environ(bug))
    try:
        found = await asyncio.to_thread(first_divergence, server, seed, 300, Counter(), shrink_for=0.0)
    finally:
        await server.stop()
    assert "Diverged" in found
    assert re.search(shown, found)


def test_a_server_that_somebody_else_ended_is_told_from_one_that_is_late(tmp_path: Path) -> None:
    server = Server(folder=tmp_path, settings=SETTINGS)
    with asyncio.Runner() as runner, closing(Service(server=server, runner=runner)) as service:
        try:
            service.start()
            runner.run(server.kill9())
            with pytest.raises(DidNotHappen, match="the server ended, exit -9, before"):
                service.wait_for_end("a request that never was")
        finally:
            runner.run(server.stop())
