"""One server for all who only ask: it knows API keys, and tokens by a key of each kind."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.harness.server import Server

from .issuer import jwt_settings


@pytest.fixture(scope="package")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guarded")
    running = Server(folder=folder, settings=jwt_settings(folder) | {"access.super_admins": "hq/chief"})
    asyncio.run(running.start())
    yield running
    asyncio.run(running.stop())
