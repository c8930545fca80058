"""Cases whose bytes are in a bucket of a real store.

Belongs here: starting the store for a case that knows nothing of it. Not here: faults of the store itself
(bad_days.py, away.py).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.harness.cluster import Storage
from tests.harness.server import Server
from tests.services.programs import why_missing
from tests.services.seaweedfs import Bucket, SeaweedMissing, find_program, temporary_store

from .report import Outcome, Run

_VOLUME = 512
"""MiB; long runs delete much, and the store gives room back late."""


def missing() -> str | None:
    """Why there is no store; None when there is one."""
    return why_missing(find_program, SeaweedMissing)


@asynccontextmanager
async def bucket() -> AsyncIterator[Bucket]:
    """An empty one."""
    with temporary_store(volume_size=_VOLUME) as store:
        yield store.bucket("crash")


async def in_a_bucket(server: Server, outcome: Outcome, runs: int, run: Run) -> Outcome:
    """`run`, with the server's bytes in a bucket."""
    async with bucket() as found:
        server.settings = {**server.settings, **found.settings()}
        try:
            return await run(server, outcome, runs)
        finally:
            # Before its store.
            await server.stop()


def nodes_in(found: Bucket) -> Storage:
    """Nodes that have nothing in common but this bucket."""

    def storage(folder: Path, number: int) -> Mapping[str, str]:
        return {**found.settings(), "storage.upload_dir": str(folder / f"node{number}" / "data")}

    return storage
