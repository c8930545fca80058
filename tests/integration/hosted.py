"""An application of somebody else's, with our uploads mounted into it, on aiohttp's own server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from multidict import CIMultiDictProxy

from tests.harness.wire import Address
from tusd_py import Settings, load_settings

RESUMABLE = {"Tus-Resumable": "1.0.0"}
BYTES = {**RESUMABLE, "Content-Type": "application/offset+octet-stream"}


def settings_in(folder: Path, **more: object) -> Settings:
    """Settings of a service in `folder`: settings_in(f, uploads_max_size=5) is `uploads.max_size = 5`."""
    chosen = {name.replace("_", ".", 1): value for name, value in more.items()}
    return load_settings({"storage.upload_dir": str(folder), "storage.free_space_floor": 0, **chosen})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The running application, and a client of it."""

    address: Address
    client: ClientSession
    runner: web.AppRunner

    @property
    def url(self) -> str:
        return self.address.url

    async def ask(self, method: str, url: str, body: bytes = b"", **headers: str) -> Said:
        """One request, read to its end; `Upload_Length="5"` becomes a header, and so do tus' own."""
        target = url if url.startswith("http") else self.url + url
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.request(
            method, target, data=body or None, headers={**(BYTES if body else RESUMABLE), **named}
        ) as answer:
            return Said(status=answer.status, headers=answer.headers, body=await answer.read())

    async def create(self, path: str, length: int, body: bytes = b"", **headers: str) -> str:
        """The URL of a new upload."""
        answer = await self.ask("POST", path, body, Upload_Length=str(length), **headers)
        assert answer.status == 201, answer.text
        return answer.headers["Location"]

    async def patch(self, url: str, offset: int, body: bytes, **headers: str) -> Said:
        return await self.ask("PATCH", url, body, Upload_Offset=str(offset), **headers)

    async def content(self, url: str, **headers: str) -> bytes:
        answer = await self.ask("GET", url, b"", **headers)
        assert answer.status == 200, answer.text
        return answer.body


@asynccontextmanager
async def hosted(app: web.Application, **runner_arguments: Any) -> AsyncIterator[Host]:
    """Start it on a free port."""
    runner = web.AppRunner(app, **runner_arguments)
    try:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with ClientSession() as client:
            yield Host(address=Address("127.0.0.1", port), client=client, runner=runner)
    finally:
        await runner.cleanup()
