"""Uploads that would run as scripts, looked at in Chromium in every way that the service shows them.

Fetched by their upload, their file and a share link; as a document, in frames, as an object and as an image
of a page elsewhere; once more without the header that makes them downloads, so that it is not the only thing
that holds; what they are called, in the library, in the operators' view and in refusals. Nothing may run.
That it would run elsewhere is shown first, by a site that serves the same files as carelessly as can be.

Belongs here: looking, and judging. Not here: the files (polyglots.py), the page's own tests (tests/clients).
"""

import json
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote

from aiohttp import web
from playwright.async_api import BrowserContext, Page, Route, expect
from playwright.async_api import Error as BrowserError

from tests.clients.browser.visitor import browsing
from tests.harness.server import Server
from tests.harness.tus import BYTES, RESUMABLE
from tests.harness.wire import request

from .polyglots import MARK, POLYGLOTS, Polyglot
from .report import Outcome

PATIENCE = 20_000
"""Milliseconds."""
_JSON = ("Content-Type", "application/json")


@dataclass
class Ran:
    """What the scripts of all tabs said. Fills by itself."""

    said: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda said: self.said.append(said.text) if MARK in said.text else None)
        page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))


async def look(page: Page, url: str) -> None:
    """Go there; for what is downloaded that fails, and nothing is shown."""
    try:
        await page.goto(url, wait_until="load", timeout=PATIENCE)
    except BrowserError as error:
        if not any(word in str(error) for word in ("Download is starting", "ERR_ABORTED", "ERR_INVALID")):
            raise


async def nothing_runs(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """`runs` is how many of the files are tried. Measures a file, in all ways."""
    chosen = POLYGLOTS[:runs] if runs < len(POLYGLOTS) else POLYGLOTS
    async with browsing(accept_downloads=False, service_workers="allow") as context:
        await _control(context, chosen, outcome)
        ran, files = Ran(), list[str]()
        context.on("page", ran.watch)
        for number, polyglot in enumerate(chosen):
            began = time.monotonic()
            urls = await _stored(server, polyglot)
            files.append(urls[1].rpartition("/")[2])
            await _looked_at(context, server, urls, polyglot)
            for said in ran.said:
                outcome.broken("script", f"file {number}, {polyglot.declared!r} {polyglot.name!r}: {said}")
            ran.said.clear()
            outcome.seconds.append(time.monotonic() - began)
            outcome.runs += 1
        await _shown_by_our_page(context, server, chosen, files)
        for said in ran.said:
            outcome.broken("script", f"in our own page: {said}")
    return outcome


async def _stored(server: Server, polyglot: Polyglot) -> Sequence[str]:
    """Uploads it, tags it, shares it; the URLs of its bytes."""
    told = {"filename": polyglot.name, "name": polyglot.name, "title": polyglot.name}
    told |= {"filetype": polyglot.declared, "type": polyglot.declared}
    pairs = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in told.items())
    body = polyglot.content.encode("latin-1")
    headers = [RESUMABLE, BYTES, ("Upload-Length", str(len(body))), ("Upload-Metadata", pairs)]
    made = await request(server.address, "POST", "/files/", headers, body)
    assert made.status == 201, made.body
    upload_id = made.headers["location"].rpartition("/")[2]
    known = await request(server.address, "GET", f"/api/v1/uploads/{upload_id}")
    file_id = json.loads(known.body)["file_id"]
    about = f"/api/v1/files/{file_id}"
    # Where one may not be called so, a tag of the first letters that may.
    changed = await request(
        server.address, "PATCH", about, [_JSON], json.dumps({"tags": [polyglot.name[:40]]}).encode()
    )
    assert changed.status in (200, 400, 422), changed.body
    shared = await request(server.address, "POST", f"{about}/links", [_JSON], b"{}")
    assert shared.status == 201, shared.body
    base = server.address.url
    return [f"{base}/files/{upload_id}", f"{base}/file/{file_id}", json.loads(shared.body)["url"]]


async def _looked_at(
    context: BrowserContext, server: Server, urls: Sequence[str], polyglot: Polyglot
) -> None:
    page = await context.new_page()
    named = quote(polyglot.name, safe="")
    missing = [
        f"{server.address.url}/{where}{named}" for where in ("files/", "file/", "s/", "assets/", "", "?q=")
    ]
    for url in (*urls, *missing):
        await look(page, url)
    await page.set_content(_frames(urls), wait_until="load", timeout=PATIENCE)
    # Also where somebody in between drops the header that makes a download of it.
    await page.route(f"{server.address.url}/**", _as_document)
    for url in urls:
        await look(page, url)
    await page.close()


def _frames(urls: Sequence[str]) -> str:
    """Somebody else's page around it. Scripts of it are the page's own affair, so none is named as one."""
    every = [escape(url, quote=True) for url in urls]
    return "".join(
        f'<iframe src="{url}"></iframe><object data="{url}"></object><embed src="{url}"><img src="{url}">'
        for url in every
    )


async def _as_document(route: Route) -> None:
    answer = await route.fetch()
    kept = {name: value for name, value in answer.headers.items() if name != "content-disposition"}
    await route.fulfill(response=answer, headers=kept)


async def _shown_by_our_page(
    context: BrowserContext, server: Server, chosen: Sequence[Polyglot], files: Sequence[str]
) -> None:
    """In the list, in the details of each, among what was found, and in the operators' log."""
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    rows = page.get_by_role("list").get_by_role("listitem")
    await page.goto(f"{server.address.url}/library")
    await expect(rows.first).to_be_visible(timeout=PATIENCE)
    for file_id in files:
        await page.goto(f"{server.address.url}/library?file={file_id}")
        await expect(page.get_by_role("dialog")).to_be_visible(timeout=PATIENCE)
    for polyglot in chosen[:5]:
        await page.goto(f"{server.address.url}/library?q={quote(polyglot.name, safe='')}")
        await expect(page.get_by_role("searchbox")).to_be_visible(timeout=PATIENCE)
    await page.goto(f"{server.address.url}/operate?show=audit")
    await expect(page.get_by_role("row").nth(1)).to_be_visible(timeout=PATIENCE)
    await page.close()


# --- that they would run


async def _control(context: BrowserContext, chosen: Sequence[Polyglot], outcome: Outcome) -> None:
    """They run where nobody cares; otherwise nothing is shown by what follows."""
    ran = Ran()
    page = await context.new_page()
    ran.watch(page)
    alive = 0
    async with _careless_site(chosen) as url:
        for number in range(len(chosen)):
            ran.said.clear()
            await look(page, f"{url}/{number}")
            alive += bool(ran.said)
    await page.close()
    outcome.remarks.append(f"{alive} of {len(chosen)} run where they are served as they were declared")
    if alive * 4 < len(chosen):
        outcome.broken("control", f"only {alive} of {len(chosen)} run where nobody cares")


@asynccontextmanager
async def _careless_site(files: Sequence[Polyglot]) -> AsyncIterator[str]:
    async def careless(asked: web.Request) -> web.Response:
        polyglot = files[int(asked.match_info["number"])]
        headers: Mapping[str, str] = {"Content-Type": polyglot.declared} if polyglot.declared else {}
        return web.Response(body=polyglot.content.encode("latin-1"), headers=headers)

    app = web.Application()
    app.router.add_get(r"/{number:\d+}", careless)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
