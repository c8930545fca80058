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
from tests.services.programs import find

from .postgres import PostgresServer, unprivileged

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
_WITHIN = 10.0


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
    user = unprivileged() if os.geteuid() == 0 else None  # it refuses to run as root
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    process = subprocess.Popen(
        [program, "-q", str(config)],
        stdin=subprocess.DEVNULL,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )
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
