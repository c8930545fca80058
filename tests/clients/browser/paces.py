"""How quick the page is: a thousand files at once, a library of 100,000, the first load.

For `make crash ARGS=page`. By the clock, so it says something only on a machine that has nothing else to do;
the default suite judges the page's own work instead (`Visitor.watched`).

Belongs here: doing it and measuring. Not here: long uploads (journeys.py).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import expect

from tests.crash.report import Outcome
from tests.harness.rows import fetch
from tests.harness.server import Server

from .filling import fill
from .visitor import Visitor, browsing, visit, write_files

AT_ONCE, LENGTH = 1000, 10 * 1024
LIBRARY = 100_000
LONGEST = 200.0
"""Milliseconds that the page may be at one thing."""
FIRST_LOAD = 250_000
"""Bytes as they are sent, zipped."""

_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
_LOADED = """() => ['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))
  .filter((one) => !one.name.includes('/api/'))
  .reduce((sum, one) => sum + one.encodedBodySize, 0)"""


@asynccontextmanager
async def _judged(visitor: Visitor, outcome: Outcome) -> AsyncIterator[None]:
    """No task longer than it may be, and nothing complained of."""
    await visitor.longest_task()
    async with visitor.watched() as work:
        yield
    longest = await visitor.longest_task()
    outcome.remarks.append(f"longest task {longest:.0f} ms, {work.longest:.0f} ms of them at work")
    if longest > LONGEST:
        outcome.broken("page", f"it answered nobody for {longest:.0f} ms, the limit is {LONGEST:.0f} ms")
    complaints = (visitor.errors, visitor.foreign, await visitor.violations())
    if any(complaints):
        outcome.broken("page", f"errors, foreign requests, violations of the policy: {complaints}")


async def thousand_files(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Measures from the drop to the last one."""
    async with browsing() as context:
        for run in range(runs):
            paths = await asyncio.to_thread(
                write_files, server.folder / f"in{run}", AT_ONCE, LENGTH, outcome.seed + run
            )
            visitor = await visit(context, server.address.url)
            began = time.monotonic()
            await visitor.drop(paths[0].parent)
            under_way = visitor.page.get_by_role("heading", name=f"of {AT_ONCE} uploaded")
            await expect(under_way).to_be_visible()
            async with _judged(visitor, outcome):
                done = visitor.page.get_by_role("heading", name=f"{AT_ONCE} files uploaded")
                await expect(done).to_be_visible(timeout=300_000)
            outcome.seconds.append(time.monotonic() - began)
            outcome.runs += 1
            (stored,) = await fetch(server, "SELECT sum(length) AS bytes, count(*) AS number FROM versions")
            arrived = (stored["bytes"], stored["number"])
            if arrived != (outcome.runs * AT_ONCE * LENGTH, outcome.runs * AT_ONCE):
                outcome.broken("page", f"arrived: {arrived}")
            await visitor.page.close()
    return outcome


async def large_library(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Measures scrolling to the end, page after page as fast as they come."""
    await fill(server, LIBRARY)
    async with browsing() as context:
        for _ in range(runs):
            visitor = await visit(context, server.address.url, "/library")
            began = time.monotonic()
            async with _judged(visitor, outcome):
                await scroll_through(visitor, LIBRARY)
            outcome.seconds.append(time.monotonic() - began)
            outcome.runs += 1
            await visitor.page.close()
    return outcome


async def scroll_through(visitor: Visitor, count: int) -> None:
    """To the end, as fast as pages come."""
    whole = visitor.page.get_by_text(f"{count} files", exact=True)
    await expect(visitor.page.get_by_role("listitem").first).to_be_visible()
    while not await whole.is_visible():
        await visitor.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        await visitor.page.wait_for_timeout(15)
    assert await visitor.page.get_by_role("listitem").count() < 60


async def first_load(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Measures until something can be read, with nothing in the browser's cache."""
    for _ in range(runs):
        async with browsing() as context:
            visitor = await visit(context, server.address.url)
            loaded = await bytes_loaded(visitor)
            outcome.seconds.append(float(await visitor.page.evaluate(_PAINT)) / 1000)
            outcome.runs += 1
            if loaded > FIRST_LOAD:
                outcome.broken("page", f"the first load is {loaded} bytes, at most {FIRST_LOAD} may be")
    outcome.remarks.append(f"{loaded / 1000:.0f} kB")
    return outcome


async def bytes_loaded(visitor: Visitor) -> int:
    """What the page consists of, as it was sent."""
    loaded: int = await visitor.page.evaluate(_LOADED)
    return loaded
