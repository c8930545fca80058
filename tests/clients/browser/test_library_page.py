"""The library in Chromium: finding, naming, sharing, restoring and deleting files."""

import hashlib
import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, expect

from tests.harness.content import Content
from tests.harness.cutting import CuttingProxy
from tests.harness.server import Server
from tests.harness.wire import request

from .filling import fill
from .paces import scroll_through
from .visitor import Visitor, browsing, page_reason, visit

pytestmark = pytest.mark.skipif(page_reason() is not None, reason=page_reason() or "")


async def upload(server: Server, name: str, body: bytes, **metadata: str) -> None:
    pairs = {"filename": name, **metadata}
    said = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in pairs.items())
    headers = (
        ("Tus-Resumable", "1.0.0"),
        ("Upload-Length", str(len(body))),
        ("Upload-Metadata", said),
        ("Content-Type", "application/offset+octet-stream"),
    )
    assert (await request(server.address, "POST", "/files/", headers, body)).status == 201


async def only_file(server: Server) -> dict[str, Any]:
    (file,) = json.loads((await request(server.address, "GET", "/api/v1/files")).body)["files"]
    return dict(file)


async def in_order(visitor: Visitor) -> None:
    assert await visitor.accessibility_faults() == []
    assert await visitor.violations() == []
    assert (visitor.errors, visitor.foreign) == ([], [])


async def test_a_dropped_file_is_in_the_library_and_its_download_is_what_was_dropped(
    server: Server, tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=3_000_000)
    path = content.write_to(tmp_path / "film.mkv")
    async with browsing() as context:
        visitor = await visit(context, server.address.url)
        await visitor.drop(path)
        await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
        await visitor.page.get_by_role("link", name="Show in the library: film.mkv").click()
        details = visitor.page.get_by_role("dialog", name="film.mkv")
        await expect(details).to_be_visible()
        async with visitor.page.expect_download() as started:
            await details.get_by_role("link", name="Download", exact=True).click()
        saved = await (await started.value).path()
        assert hashlib.sha256(saved.read_bytes()).hexdigest() == content.sha256()
        await in_order(visitor)
        # The address says it all: the same again in another tab, and without it where one came from.
        other = await visit(context, server.address.url, visitor.page.url.removeprefix(server.address.url))
        await expect(other.page.get_by_role("dialog", name="film.mkv")).to_be_visible()
        await visitor.page.keyboard.press("Escape")
        await expect(details).to_have_count(0)
        await expect(visitor.row("film.mkv")).to_be_visible()


async def test_a_view_that_cannot_be_loaded_says_so_and_uploads_go_on(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path = Content(seed=seed, length=8_000_000).write_to(tmp_path / "film.mkv")
    proxy = CuttingProxy(target=server.address, rate=1_000_000)
    async with proxy.running(), browsing() as context:
        visitor = await visit(context, proxy.address.url)
        await visitor.drop(path)
        await visitor.until_percent("film.mkv", 5)
        await context.route("**/assets/*", lambda route: route.abort())
        await visitor.page.get_by_role("link", name="Library").click()
        await expect(visitor.page.get_by_text("This view could not be loaded.")).to_be_visible()
        assert await visitor.accessibility_faults() == []
        await visitor.page.get_by_role("link", name="Upload", exact=True).click()
        proxy.rate = 0
        await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
        await visitor.page.get_by_role("link", name="Library", exact=True).click()
        await expect(visitor.page.get_by_text("This view could not be loaded.")).to_be_visible()
        await context.unroute("**/assets/*")
        await visitor.page.get_by_role("button", name="Try again").click()
        await expect(visitor.row("film.mkv")).to_be_visible()


async def test_files_are_found_as_one_types_and_the_address_keeps_what_was_looked_for(server: Server) -> None:
    for name in ("Quarterly report.pdf", "Holiday in Rome.jpg", "reporting.txt"):
        await upload(server, name, name.encode())
    async with browsing() as context:
        visitor = await visit(context, server.address.url, "/library")
        rows = visitor.page.get_by_role("list").get_by_role("listitem")
        await expect(rows).to_have_count(3)
        await visitor.page.get_by_role("searchbox").press_sequentially("repo", delay=30)
        await expect(rows).to_have_count(2)
        assert visitor.page.url.endswith("?q=repo")
        await expect(visitor.page.get_by_text("2 files", exact=True)).to_be_visible()
        await visitor.page.get_by_label("Kind").select_option("Pictures")
        await expect(visitor.page.get_by_role("heading", name="No file fits")).to_be_visible()
        await in_order(visitor)
        await visitor.page.get_by_role("button", name="Clear filters").click()
        await expect(rows).to_have_count(3)
        assert "?" not in visitor.page.url
        await visitor.page.get_by_label("Order").select_option("Oldest first")
        await expect(rows.first).to_contain_text("Quarterly report.pdf")


async def test_a_file_is_renamed_tagged_and_found_by_its_tag(server: Server) -> None:
    await upload(server, "draft.txt", b"words")
    await upload(server, "other.txt", b"words")
    async with browsing() as context:
        visitor = await visit(context, server.address.url, "/library")
        await visitor.page.get_by_role("button", name="Details of draft.txt").press("Enter")
        await visitor.page.get_by_label("Name", exact=True).fill("final.txt")
        await visitor.page.get_by_label("Tags", exact=True).fill("work, 2026,work")
        await visitor.page.get_by_role("button", name="Save").click()
        await expect(visitor.page.get_by_text("Saved", exact=True)).to_be_visible()
        await visitor.page.keyboard.press("Escape")
        # Escape gives the focus back to where it was.
        await expect(visitor.page.get_by_role("button", name="Details of final.txt")).to_be_focused()
        await visitor.row("final.txt").get_by_role("button", name="Show files with the tag work").click()
        await expect(visitor.page.get_by_text("1 file", exact=True)).to_be_visible()
        assert visitor.page.url.endswith("?tag=work")
        await in_order(visitor)


async def _details_of_draft(context: BrowserContext, server: Server) -> Visitor:
    visitor = await visit(context, server.address.url, "/library")
    await visitor.page.get_by_role("button", name="Details of draft.txt").click()
    await expect(visitor.page.get_by_label("Name", exact=True)).to_have_value("draft.txt")
    return visitor


async def test_a_name_that_somebody_changed_meanwhile_is_not_overwritten(server: Server) -> None:
    await upload(server, "draft.txt", b"words")
    async with browsing() as context:
        first, second = [await _details_of_draft(context, server) for _ in range(2)]
        for visitor, name in ((first, "mine.txt"), (second, "yours.txt")):
            await visitor.page.get_by_label("Tags", exact=True).fill(name)
        await first.page.get_by_role("button", name="Save").click()
        await expect(first.page.get_by_text("Saved", exact=True)).to_be_visible()
        # The live feed told the second tab; what it was shown when the typing began is what it may change.
        await expect(second.page.locator("li").get_by_text("mine.txt", exact=True)).to_have_count(1)
        await second.page.get_by_role("button", name="Save").click()
        await expect(second.page.get_by_text("Somebody changed this file meanwhile")).to_be_visible()
        assert (await only_file(server))["tags"] == ["mine.txt"]
        # Now it was seen, and what was typed is still there.
        await expect(second.page.get_by_label("Tags", exact=True)).to_have_value("yours.txt")
        await second.page.get_by_role("button", name="Save").click()
        await expect(second.page.get_by_text("Saved", exact=True)).to_be_visible()
        assert (await only_file(server))["tags"] == ["yours.txt"]


async def test_a_new_name_does_not_bring_back_the_tags_that_somebody_replaced(server: Server) -> None:
    await upload(server, "draft.txt", b"words")
    async with browsing() as context:
        first, second = [await _details_of_draft(context, server) for _ in range(2)]
        await second.page.get_by_label("Name", exact=True).fill("final.txt")
        await first.page.get_by_label("Tags", exact=True).fill("signed")
        await first.page.get_by_role("button", name="Save").click()
        await expect(first.page.get_by_text("Saved", exact=True)).to_be_visible()
        await second.page.get_by_role("button", name="Save").click()
        await expect(second.page.get_by_text("Somebody changed this file meanwhile")).to_be_visible()
        await expect(second.page.get_by_label("Tags", exact=True)).to_have_value("signed")
        await second.page.get_by_role("button", name="Save").click()
        await expect(second.page.get_by_text("Saved", exact=True)).to_be_visible()
        # Who typed nothing is shown what there is now.
        await expect(first.page.get_by_label("Name", exact=True)).to_have_value("final.txt")
    file = await only_file(server)
    assert (file["filename"], file["tags"]) == ("final.txt", ["signed"])


async def test_a_link_is_made_works_as_often_as_was_said_and_is_revoked(server: Server) -> None:
    await upload(server, "film.mkv", b"moving pictures")
    async with browsing() as context:
        visitor = await visit(context, server.address.url, "/library")
        await visitor.page.get_by_role("button", name="Details of film.mkv").click()
        await visitor.page.get_by_label("Downloads at most").fill("1")
        await visitor.page.get_by_role("button", name="Create link").click()
        address = visitor.page.get_by_label("Address of the link")
        url = await address.input_value()
        await expect(visitor.page.get_by_text("0 of 1 downloads")).to_be_visible()
        await in_order(visitor)
        target = url.removeprefix(server.address.url)
        assert (await request(server.address, "GET", target)).body == b"moving pictures"
        assert (await request(server.address, "GET", target)).status == 410
        await visitor.page.get_by_label("Downloads at most").fill("")
        await visitor.page.get_by_role("button", name="Create link").click()
        await expect(address).not_to_have_value(url)
        target = (await address.input_value()).removeprefix(server.address.url)
        assert (await request(server.address, "GET", target)).status == 200
        await visitor.page.get_by_role("button", name=re.compile("^Revoke: until")).last.click()
        await expect(visitor.page.get_by_text("The link no longer works.")).to_be_visible()
        assert (await request(server.address, "GET", target)).status == 410


async def test_an_earlier_version_is_fetched_and_made_the_current_one_again(server: Server) -> None:
    await upload(server, "plan.txt", b"the first", path="plans/plan.txt")
    await upload(server, "plan.txt", b"the second", path="plans/plan.txt")
    async with browsing() as context:
        visitor = await visit(context, server.address.url, "/library")
        await visitor.page.get_by_role("button", name="Details of plan.txt").click()
        await expect(visitor.page.get_by_text("Version 2 current")).to_be_visible()
        async with visitor.page.expect_download() as started:
            await visitor.page.get_by_role("link", name="Download version 1").click()
        assert (await (await started.value).path()).read_bytes() == b"the first"
        await visitor.on_a_phone()
        restore = visitor.page.get_by_role("button", name="Restore: Version 1")
        await restore.scroll_into_view_if_needed()
        await expect(restore).to_be_in_viewport(ratio=1)
        await restore.click()
        await expect(visitor.page.get_by_text("Version 1 current")).to_be_visible()
        await in_order(visitor)


async def test_a_deleted_file_comes_back_within_the_time_for_it_and_goes_without(server: Server) -> None:
    await upload(server, "kept.txt", b"1")
    await upload(server, "gone.txt", b"2")
    async with browsing() as context:
        visitor = await visit(context, server.address.url, "/library")
        await visitor.page.get_by_role("button", name="Delete file: kept.txt").click()
        await expect(visitor.row("kept.txt")).to_have_count(0)
        await visitor.page.get_by_role("button", name="Undo").click()
        await expect(visitor.row("kept.txt")).to_be_visible()
        await visitor.page.get_by_role("button", name="Delete file: gone.txt").click()
        # Leaving the view is leaving the time for an undo.
        await visitor.page.get_by_role("link", name="Upload", exact=True).click()
        await expect(visitor.page.get_by_role("heading", name="Upload files")).to_be_focused()
        await visitor.page.go_back()
        await expect(visitor.row("kept.txt")).to_be_visible()
        await expect(visitor.row("gone.txt")).to_have_count(0)
        await visitor.page.reload()
        await expect(visitor.row("kept.txt")).to_be_visible()
        await expect(visitor.row("gone.txt")).to_have_count(0)
        await in_order(visitor)


async def test_a_file_that_comes_while_one_looks_is_listed(server: Server) -> None:
    await upload(server, "first.txt", b"1")
    async with browsing() as context:
        visitor = await visit(context, server.address.url, "/library?q=first")
        await expect(visitor.row("first.txt")).to_be_visible()
        async with visitor.page.expect_response(lambda answer: "/api/v1/files?" in answer.url):
            await upload(server, "other.txt", b"2")
        await upload(server, "the first one.txt", b"3")
        await expect(visitor.row("the first one.txt")).to_be_visible()
        await expect(visitor.row("other.txt")).to_have_count(0)
        await in_order(visitor)


async def test_thousands_of_files_are_scrolled_through_without_a_stutter(server: Server) -> None:
    await fill(server, 3_000)
    async with browsing() as context:
        visitor = await visit(context, server.address.url, "/library")
        async with visitor.watched() as work:
            await scroll_through(visitor, 3_000)
        assert work.longest <= 200, f"the page was at one thing for {work.longest:.0f} ms"
        await in_order(visitor)
