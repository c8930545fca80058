"""Runs of foreign clients: tus-js-client in Node, and tuspy.

Belongs here: starting them and what they report. Not here: what is expected of them (test_*.py).
"""

import asyncio
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tusclient.client import TusClient as TuspyClient
from tusclient.storage.filestorage import FileStorage

PROJECT = Path(__file__).parent / "node"
MIB = 1 << 20


def node_reason() -> str | None:
    """Why tus-js-client cannot run here; None when it can."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (PROJECT / "node_modules" / "tus-js-client").is_dir():
        return "tests/clients/node is not set up: make setup"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A way of using tus-js-client. Sizes are bytes."""

    name: str
    chunk_size: int = 0
    """0 sends the rest of the file in one PATCH."""
    stream: bool = False
    deferred: bool = False
    """Of a plain stream; one that ends exactly with a chunk makes tus-js-client 4.3.1 wait for ever."""
    during_creation: bool = False
    override_patch: bool = False
    parallel: int = 1
    """Into how many partial uploads the file is cut."""
    protocol: str = "tus-v1"
    """Or "ietf-draft-03" (interop version 5) or "ietf-draft-05" (6)."""
    cuts: int = 0
    """How often the connection is destroyed in mid-body."""
    aborts: int = 0
    """How often the program gives up and resumes from the URL that it stored."""


VARIANTS = (
    Variant(name="one chunked body"),
    Variant(name="chunks of 1 MiB", chunk_size=MIB),
    Variant(name="a stream in chunks", chunk_size=3 * MIB, stream=True),
    Variant(name="data in the creation", during_creation=True),
    Variant(name="data in the creation, in chunks", during_creation=True, chunk_size=2 * MIB),
    Variant(name="deferred length", deferred=True, stream=True, chunk_size=2 * MIB),
    Variant(
        name="deferred length, data in the creation",
        deferred=True,
        stream=True,
        during_creation=True,
        chunk_size=2 * MIB,
    ),
    Variant(name="POST instead of PATCH", override_patch=True, chunk_size=4 * MIB),
    Variant(name="three side by side", parallel=3),
    Variant(name="three side by side, in chunks", parallel=3, chunk_size=MIB),
    Variant(name="three side by side, connection cut", parallel=3, cuts=3),
    Variant(name="connection cut", cuts=3),
    Variant(name="connection cut, in chunks", cuts=3, chunk_size=4 * MIB),
    Variant(name="given up and resumed", aborts=3),
)
"""Every way in which a body is sent or broken off differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run of tus-js-client reports."""

    url: str
    requests: Mapping[str, int]
    statuses: Mapping[str, int]
    """ "PATCH 204" and how often."""
    cuts: int
    aborts: int
    error: str = ""


class ClientFailed(AssertionError):
    """The client gave up."""


async def tus_js_client(
    variant: Variant,
    endpoint: str,
    path: Path,
    state: Path,
    breaks: tuple[int, ...] = (),
    *,
    headers: Sequence[Mapping[str, str]] = (),
) -> Outcome:
    """Upload `path`; the variant's cuts or aborts happen at the offsets `breaks`. Raises ClientFailed.

    `headers` are those of each attempt, the last one's for all further ones.
    """
    job = {
        "endpoint": endpoint,
        "path": str(path),
        "state": str(state),
        "chunkSize": variant.chunk_size,
        "stream": variant.stream,
        "deferred": variant.deferred,
        "duringCreation": variant.during_creation,
        "overridePatch": variant.override_patch,
        "parallel": variant.parallel,
        "protocol": variant.protocol,
        "cuts": list(breaks) if variant.cuts else [],
        "aborts": list(breaks) if variant.aborts else [],
        "headers": [dict(one) for one in headers],
    }
    process = await asyncio.create_subprocess_exec(
        "node",
        "upload.mjs",
        cwd=PROJECT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
    )
    said, complained = await process.communicate(json.dumps(job).encode())
    if process.returncode != 0:
        raise ClientFailed(f"tus-js-client, {variant.name}: {said.decode()} {complained.decode()}")
    return Outcome(**json.loads(said))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuspy:
    """tuspy on one file. Its calls block: run them in a thread."""

    endpoint: str
    path: Path
    memory: Path
    """Where it remembers upload URLs."""
    chunk_size: int = 0
    """0 is the whole file in one PATCH."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    checksum: bool = False

    def upload(self, stop_at: int | None = None) -> str:
        """Go on where an earlier call stopped, up to `stop_at`; the upload URL."""
        storage = FileStorage(str(self.memory))  # type: ignore[no-untyped-call]  # tuspy has no types here
        try:
            chosen = {"chunk_size": self.chunk_size} if self.chunk_size else {}
            uploader = TuspyClient(self.endpoint).uploader(
                str(self.path),
                store_url=True,
                url_storage=storage,
                retries=10,
                retry_delay=1,
                metadata=dict(self.metadata),
                upload_checksum=self.checksum,
                **chosen,
            )
            uploader.upload(stop_at=stop_at)
            return str(uploader.url)
        finally:
            storage.close()  # type: ignore[no-untyped-call]  # tuspy has no types here
