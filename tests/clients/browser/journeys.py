"""A long upload through the page, with everything that happens to people on the way.

Offline twice, the server killed with -9 once, the tab reloaded once: it goes on each time from what the
server has. Measured at a proxy between them, the bytes that were sent in all are little more than the file.

Belongs here: the journey, short in the default suite and with 1 GiB in `make crash`. Not here: its parts,
one by one (test_upload_page.py).
"""

import asyncio
import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import expect

from tests.crash.report import Outcome
from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.cutting import CuttingProxy
from tests.harness.rows import fetch
from tests.harness.server import Server

from .visitor import Visitor, browsing, visit

MIB = 1 << 20
SENT_TWICE = 64 * MIB
"""Bytes that may be sent in addition to the file."""
LENGTH = 1024 * MIB + 4321
WHOLE = 300 * MIB + 17


@dataclass(kw_only=True)
class Journey:
    """What is uploaded, and how fast the way there is (bytes per second)."""

    path: Path
    content: Content
    rate: float
    patience: float = 60.0
    """Seconds for the last stretch."""
    earlier: int = 0
    """Uploads that the server had before."""
    sent: int = 0
    """Bytes in all, heads of requests too."""
    remarks: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path.name


async def through_everything(server: Server, journey: Journey) -> list[str]:
    """What went wrong; nothing, we hope."""
    proxy = CuttingProxy(target=server.address, rate=journey.rate)
    async with proxy.running(), browsing() as context:
        visitor = await visit(context, proxy.address.url)
        await visitor.drop(journey.path)
        for share in (15, 30):
            await visitor.until_percent(journey.name, share)
            await context.set_offline(True)
            await expect(visitor.page.get_by_text("No connection.")).to_be_visible()
            await expect(visitor.badge(journey.name, "Waiting")).to_be_visible()
            await context.set_offline(False)
            await expect(visitor.page.get_by_text("No connection.")).to_have_count(0)
        await visitor.until_percent(journey.name, 45)
        await server.kill9()
        await expect(visitor.badge(journey.name, "Waiting")).to_be_visible()
        await server.start()
        proxy.rate = journey.rate / 6  # nobody is to miss the moment of the reload
        await visitor.until_percent(journey.name, 70)
        await visitor.page.reload()
        proxy.rate = journey.rate
        await _choose_again(visitor, journey)
        done = visitor.badge(journey.name, "Uploaded")
        await expect(done).to_be_visible(timeout=journey.patience * 1000)
        journey.sent = proxy.sent
        return await _faults(server, visitor, journey)


async def _choose_again(visitor: Visitor, journey: Journey) -> None:
    button = visitor.page.get_by_role("button", name=f"Choose the file: {journey.name}")
    await expect(button).to_be_visible()
    journey.remarks.append(await visitor.row(journey.name).locator(".numbers").inner_text())
    await visitor.choose(button, journey.path)


async def _faults(server: Server, visitor: Visitor, journey: Journey) -> list[str]:
    faults = []
    url = await visitor.row(journey.name).get_by_role("link", name="Download").get_attribute("href") or ""
    found = await download(server.address, "/files/" + url.rpartition("/files/")[2])
    if found != (200, journey.content.length, journey.content.sha256()):
        faults.append(f"the download is {found}")
    rows = await fetch(server, "SELECT id FROM uploads")
    begun = len(rows) - journey.earlier
    if begun != 1:
        faults.append(f"begun {begun} times")
    if journey.sent > journey.content.length + SENT_TWICE:
        faults.append(f"{(journey.sent - journey.content.length) / MIB:.1f} MiB were sent twice")
    return faults


async def long_journey(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """1 GiB, for `make crash`. Measures the whole way."""
    content = Content(seed=outcome.seed, length=LENGTH)
    path = await asyncio.to_thread(content.write_to, server.folder / "big.iso")
    for earlier in range(runs):
        journey = Journey(path=path, content=content, rate=60 * MIB, patience=300, earlier=earlier)
        began = time.monotonic()
        for fault in await through_everything(server, journey):
            outcome.broken("page", fault)
        outcome.seconds.append(time.monotonic() - began)
        outcome.runs += 1
        outcome.remarks.append(f"{(journey.sent - LENGTH) / MIB:.1f} MiB sent twice")
    return outcome


async def whole_file(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """300 MiB, dropped, found in the library and fetched from there. Measures from the drop to the badge."""
    content = Content(seed=outcome.seed, length=WHOLE)
    path = await asyncio.to_thread(content.write_to, server.folder / "film.mkv")
    async with browsing() as context:
        for _ in range(runs):
            visitor = await visit(context, server.address.url)
            began = time.monotonic()
            await visitor.drop(path)
            await expect(visitor.badge(path.name, "Uploaded")).to_be_visible(timeout=120_000)
            outcome.seconds.append(time.monotonic() - began)
            outcome.runs += 1
            if await _fetched_from_the_library(visitor, path.name) != content.sha256():
                outcome.broken("page", "the download is not what was dropped")
            complaints = (visitor.errors, visitor.foreign, await visitor.violations())
            if any(complaints):
                outcome.broken("page", f"errors, foreign requests, violations of the policy: {complaints}")
            await visitor.page.close()
    return outcome


async def _fetched_from_the_library(visitor: Visitor, name: str) -> str:
    """The SHA-256 of what the browser saves."""
    await visitor.page.get_by_role("link", name=f"Show in the library: {name}").click()
    details = visitor.page.get_by_role("dialog", name=name)
    async with visitor.page.expect_download() as started:
        await details.get_by_role("link", name="Download", exact=True).click()
    saved = await (await started.value).path()
    return await asyncio.to_thread(_sha256, saved)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
