"""A person in front of the built-in page: Chromium, what is dropped into it, and what it complains of.

Belongs here: doing and seeing. Not here: what is expected (test_upload_page.py).
"""

import asyncio
import gzip
import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import (
    BrowserContext,
    CDPSession,
    Dialog,
    Locator,
    Page,
    Request,
    async_playwright,
    expect,
)

from tests.harness.server import ROOT
from tusd_py.server.page import BUILT

from .pages import CHROMIUM, QUIET, chromium

# Seconds are for what must happen soon; this is for machines with ten other things to do.
expect.set_options(timeout=60_000)

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"

_WATCH = """
window.seen = { violations: [], longest: 0 }
document.addEventListener('securitypolicyviolation', (event) =>
  window.seen.violations.push(`${event.violatedDirective} ${event.blockedURI}`))
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.seen.longest = Math.max(window.seen.longest, task.duration)
}).observe({ type: 'longtask' })
"""


def page_reason() -> str | None:
    """Why the page cannot be looked at here; None when it can."""
    if CHROMIUM is None:
        return "chromium is not installed"
    if not (BUILT / "index.html").is_file() or not AXE.is_file():
        return "the page is not built: make setup"
    return None


@dataclass(kw_only=True)
class Work:
    """Of the thread that answers the person."""

    longest: float = 0.0
    """Milliseconds of processor time that one task took, at most: what keeps the page from answering on a
    machine that has nothing else to do."""


@dataclass(kw_only=True)
class Visitor:
    """One tab. `errors` and `foreign` fill by themselves."""

    page: Page
    origin: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    async def enter(self, path: str = "/") -> None:
        """Open the page, and see that it is there."""
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._note_request)
        self.page.on("dialog", self._accept)
        # So that choosers are ours from the start, not only from when one is waited for.
        self.page.on("filechooser", lambda _chooser: None)
        await self.page.add_init_script(_WATCH)
        await self.page.goto(self.origin + path)
        await expect(self.page.get_by_role("heading", level=1)).to_be_visible()

    def _note_request(self, request: Request) -> None:
        there, here = urlsplit(request.url), urlsplit(self.origin)
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):
            self.foreign.append(request.url)

    async def _accept(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.type)
        await dialog.accept()

    async def drop(self, *paths: Path) -> None:
        """Let go of files and folders over the page, as the desktop does."""
        session = await self.page.context.new_cdp_session(self.page)
        held = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for event in ("dragEnter", "dragOver", "drop"):
            where = {"type": event, "x": 300, "y": 200, "data": held}
            await session.send("Input.dispatchDragEvent", where)
        await session.detach()

    def row(self, name: str) -> Locator:
        """An upload in the list, or one that waits for its file."""
        return self.page.get_by_role("listitem").filter(has_text=name)

    def badge(self, name: str, word: str) -> Locator:
        return self.row(name).get_by_text(word, exact=True)

    async def percent(self, name: str) -> int:
        """What the row's bar tells a screen reader."""
        bar = self.page.get_by_role("progressbar", name=f"Progress of {name}")
        return int(await bar.get_attribute("aria-valuenow") or 0)

    async def until_percent(self, name: str, least: int) -> None:
        """Wait until the bar stands there, or the upload is finished."""
        bar = self.page.get_by_role("progressbar", name=f"Progress of {name}")
        numbers = "|".join(str(number) for number in range(least, 101))
        await expect(bar).to_have_attribute("aria-valuenow", re.compile(f"^({numbers})$"), timeout=60_000)

    async def choose(self, button: Locator, *paths: Path) -> None:
        """Press a button that asks for files, and pick these."""
        async with self.page.expect_file_chooser() as asked:
            await button.press("Enter")
        chooser = await asked.value
        await chooser.set_files([str(path) for path in paths])

    async def violations(self) -> list[str]:
        """Of the content security policy."""
        found: list[str] = await self.page.evaluate("() => window.seen.violations")
        return found

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Work]:
        """What the page's main thread does meanwhile; said at the end."""
        work = Work()
        session = await self.page.context.new_cdp_session(self.page)
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        session.on("Tracing.tracingComplete", lambda told: ended.set_result(told["stream"]))
        wanted = {"includedCategories": ["toplevel"], "recordMode": "recordAsMuchAsPossible"}
        how = {"transferMode": "ReturnAsStream", "streamCompression": "gzip"}
        await session.send("Tracing.start", {"traceConfig": wanted, **how})
        yield work
        await session.send("Tracing.end")
        packed = await _read_stream(session, await asyncio.wait_for(ended, 300))
        await session.detach()
        work.longest = await asyncio.to_thread(_longest_work, packed)

    async def longest_task(self) -> float:
        """Milliseconds during which the page answered nobody, at worst, since this was last asked.

        By the clock: on a busy machine most of it is waiting for a processor. See `watched`.
        """
        longest: float = await self.page.evaluate(
            "() => { const longest = window.seen.longest; window.seen.longest = 0; return longest }"
        )
        return longest

    async def on_a_phone(self) -> None:
        """So wide as one; nothing may reach beyond that."""
        await self.page.set_viewport_size({"width": 375, "height": 700})
        beyond = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await self.page.evaluate(beyond) == 0, "the page is wider than the phone"

    async def accessibility_faults(self) -> list[str]:
        """What axe calls serious or critical, with the first place."""
        await self.page.evaluate(AXE.read_text("utf-8"))
        found: dict[str, Any] = await self.page.evaluate(
            "() => axe.run(document, { resultTypes: ['violations'] })"
        )
        return [
            f"{fault['impact']}: {fault['id']}: {fault['help']}: {json.dumps(fault['nodes'][0]['target'])}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ]


async def _read_stream(session: CDPSession, handle: str) -> bytes:
    pieces = []
    while True:
        piece = await session.send("IO.read", {"handle": handle, "size": 8 << 20})
        pieces.append(b64decode(piece["data"]) if piece.get("base64Encoded") else piece["data"].encode())
        if piece["eof"]:
            return b"".join(pieces)


def _longest_work(packed: bytes) -> float:
    events: list[dict[str, Any]] = json.loads(gzip.decompress(packed))["traceEvents"]
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        event["tdur"]
        for event in events
        if event["name"] == "ThreadControllerImpl::RunTask"
        and "tdur" in event
        and (event["pid"], event["tid"]) in main
    ]
    assert tasks, "the trace says nothing of the page's main thread"
    return float(max(tasks)) / 1000


@asynccontextmanager
async def browsing(**options: Any) -> AsyncIterator[BrowserContext]:
    """A browser with an empty profile; `options` as for a new context."""
    async with chromium() as browser:
        yield await browser.new_context(locale=options.pop("locale", "en-GB"), **options)


@asynccontextmanager
async def profile(folder: Path) -> AsyncIterator[BrowserContext]:
    """A browser with a profile that outlives it."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder, executable_path=CHROMIUM, args=list(QUIET), locale="en-GB"
        )
        try:
            yield context
        finally:
            await context.close()


async def visit(context: BrowserContext, origin: str, path: str = "/") -> Visitor:
    """A new tab on the page."""
    visitor = Visitor(page=await context.new_page(), origin=origin)
    await visitor.enter(path)
    return visitor


def write_files(folder: Path, count: int, length: int, seed: int) -> Sequence[Path]:
    """Many small files, each of its own content."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"small{number:04}.bin" for number in range(count)]
    for number, path in enumerate(paths):
        stamp = f"{seed} {number} ".encode()
        path.write_bytes((stamp * (length // len(stamp) + 1))[:length])
    return paths
