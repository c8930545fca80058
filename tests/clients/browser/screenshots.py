"""`make screenshots`: the pictures of the README, taken from the real page while it works.

Belongs here: the scene and the camera. Not here: tests.
"""

import asyncio
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path

from playwright.async_api import Page, expect

from tests.harness.cutting import CuttingProxy
from tests.harness.server import ROOT, Server

from .filling import fill, fill_hour
from .visitor import Visitor, browsing, page_reason, visit

MB = 1_000_000
PICTURES = ROOT / "docs"
SCENE: Mapping[str, int] = {
    "Quarterly report 2026.pdf": 2_340_000,
    "Interview, second take, camera B, uncut.mov": 240 * MB,
    "drone-footage.mp4": 120 * MB,
    "satellite-tiles.tar": 900 * MB,
    "readings-2026-11.parquet": 9_800_000,
}
"""Names and bytes."""
TOO_LARGE, PAUSED, MOVING = (
    "satellite-tiles.tar",
    "drone-footage.mp4",
    "Interview, second take, camera B, uncut.mov",
)


async def _arrange(visitor: Visitor, folder: Path) -> None:
    """One of everything: finished, on its way, paused, refused."""
    dice = random.Random(1)
    for name, length in SCENE.items():
        path = folder / name
        if name == TOO_LARGE:
            with path.open("wb") as sparse:
                sparse.truncate(length)
        else:
            path.write_bytes(dice.randbytes(length))
    await visitor.drop(*(folder / name for name in SCENE))
    await visitor.until_percent(PAUSED, 45)
    await visitor.row(PAUSED).get_by_role("button", name="Pause").click()
    await expect(visitor.badge("readings-2026-11.parquet", "Uploaded")).to_be_visible(timeout=30_000)
    await visitor.until_percent(MOVING, 40)


async def _picture(page: Page, name: str, scheme: str, width: int, height: int) -> None:
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    await page.set_viewport_size({"width": width, "height": height})
    await page.mouse.move(0, 0)
    await page.evaluate("window.scrollTo(0, 0)")
    await page.screenshot(path=PICTURES / name)


async def main() -> None:
    """Write all of them."""
    with tempfile.TemporaryDirectory(prefix="tusd-py-screenshots-") as name:
        folder = Path(name)
        async with Server(folder=folder, settings={"uploads.max_size": "500MB"}) as server:
            proxy = CuttingProxy(target=server.address, rate=12 * MB)
            async with proxy.running(), browsing(viewport={"width": 960, "height": 800}) as context:
                visitor = await visit(context, proxy.address.url)
                await _picture(visitor.page, "page-empty.png", "light", 960, 520)
                await _arrange(visitor, folder)
                await _picture(visitor.page, "page.png", "light", 960, 820)
                await _picture(visitor.page, "page-dark.png", "dark", 960, 820)
                await _picture(visitor.page, "page-phone.png", "light", 375, 820)
                await _operate(visitor, server)
                await _library(visitor, server)


async def _operate(visitor: Visitor, server: Server) -> None:
    await fill_hour(server)
    operator = await visit(visitor.page.context, server.address.url, "/operate")
    await expect(operator.page.get_by_role("row").filter(has_text=MOVING)).to_contain_text(
        "MB/s", timeout=20_000
    )
    await expect(operator.page.get_by_role("img").first).to_be_visible()
    await _picture(operator.page, "operate.png", "light", 960, 1140)
    await _picture(operator.page, "operate-dark.png", "dark", 960, 1140)
    await _picture(operator.page, "operate-phone.png", "dark", 375, 820)
    await operator.page.close()


async def _library(visitor: Visitor, server: Server) -> None:
    await fill(server, 40)
    reader = await visit(visitor.page.context, server.address.url, "/library")
    await expect(reader.page.get_by_role("listitem").first).to_be_visible()
    await _picture(reader.page, "library.png", "light", 960, 820)
    await _picture(reader.page, "library-phone.png", "dark", 375, 820)
    await reader.page.set_viewport_size({"width": 960, "height": 820})
    await reader.page.get_by_role("searchbox").fill("readings")
    await reader.page.get_by_role("button", name="Details of readings-2026-11.parquet").click()
    await expect(reader.page.get_by_role("heading", name="Versions")).to_be_visible()
    await _picture(reader.page, "library-details.png", "dark", 960, 820)


if __name__ == "__main__":
    reason = page_reason()
    if reason is not None:
        raise SystemExit(reason)
    asyncio.run(main())
