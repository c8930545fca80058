"""The real program on a real store, where clients send parts to the store itself.

Belongs here: what its tests have in common. Not here: its client (harness/direct.py), tests.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.direct import Direct
from tests.harness.server import Server
from tests.harness.wire import Answer, request
from tests.services.seaweedfs import Bucket

from .test_s3 import kept

MIB = 1 << 20
RESUMABLE = ("Tus-Resumable", "1.0.0")
QUICK = {"uploads.reap_interval": "0.2s"}
THREE = 12 * MIB
"""Bytes of three parts, the last of which is shorter."""


def settings(bucket: Bucket, **more: str) -> dict[str, str]:
    return {**bucket.settings(s3_direct="true", s3_part_size="5MiB", **more), **QUICK}


@asynccontextmanager
async def serving(
    folder: Path,
    bucket: Bucket,
    also: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    **more: str,
) -> AsyncIterator[Server]:
    """`also` are other settings than those of S3."""
    chosen = settings(bucket, **more) | dict(also or {})
    async with Server(folder=folder, settings=chosen, environ=dict(environ or {})) as server:
        yield server


async def came_back(direct: Direct, content: Content) -> bool:
    return await download(direct.address, direct.file) == (200, content.length, content.sha256())


async def head(direct: Direct) -> Answer:
    return await request(direct.address, "HEAD", direct.file, [RESUMABLE])


async def usage(server: Server) -> object:
    return json.loads((await request(server.address, "GET", "/api/v1/me")).body)["usage"]


async def has_begun(bucket: Bucket, count: int) -> bool:
    """So many multipart uploads are under way."""
    return len((await kept(bucket))[1]) == count
