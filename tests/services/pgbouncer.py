"""A real pgbouncer, pooling transactions: each one may run in another session of Postgres.

Belongs here: running it. Not here: what is tested with it.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.harness.ports import free_port
from tests.services.programs import as_unprivileged, find, unprivileged

from .postgres import PostgresServer

_CONFIG = """\
[databases]
* = host=127.0.0.1 port={postgres} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
logfile = {folder}/log
pidfile = {folder}/pid
"""
_WITHIN = 60.0


@contextmanager
def pgbouncer(postgres: PostgresServer, folder: Path) -> Iterator[int]:
    """Its port, while it runs. Without the program: skips."""
    program = find("pgbouncer")
    if program is None:
        pytest.skip("no pgbouncer: apt-get install pgbouncer")
    folder.mkdir()
    port = free_port()
    config = folder / "pgbouncer.ini"
    config.write_text(_CONFIG.format(postgres=postgres.port, port=port, folder=folder))
    if (user := unprivileged()) is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    # It too refuses to run as root.
    process = subprocess.Popen([program, "-q", str(config)], stdin=subprocess.DEVNULL, **as_unprivileged())
    try:
        yield port
    finally:
        process.terminate()
        process.wait(_WITHIN)


async def answers(dsn: str) -> None:
    """Wait until a connection is made."""
    deadline = time.monotonic() + _WITHIN
    while True:
        try:
            connection = await asyncpg.connect(dsn, statement_cache_size=0)
        except (OSError, asyncpg.PostgresError):
            if time.monotonic() > deadline:
                raise
        else:
            await connection.close()
            return
