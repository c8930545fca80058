"""The operate view in Chromium, and files that a scanner closes."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.harness.content import Content
from tests.harness.cutting import CuttingProxy
from tests.harness.scanned import scanning_settings, until_proven
from tests.harness.server import Server
from tests.services.clamd import SIGNATURE, ClamdServer
from tusd_py.scanning.specimens import EICAR

from .visitor import Visitor, browsing, page_reason, visit

pytestmark = pytest.mark.skipif(page_reason() is not None, reason=page_reason() or "")


@pytest.fixture
async def scanning(tmp_path: Path, clamd_server: ClamdServer) -> AsyncIterator[Server]:
    async with Server(folder=tmp_path, settings=scanning_settings(clamd_server.socket)) as server:
        yield server


async def in_order(visitor: Visitor) -> None:
    assert await visitor.accessibility_faults() == []
    assert await visitor.violations() == []
    assert (visitor.errors, visitor.foreign) == ([], [])


async def test_an_infected_file_is_closed_before_everybodys_eyes_and_the_admin_deletes_it(
    scanning: Server, tmp_path: Path
) -> None:
    await until_proven(scanning)
    (tmp_path / "invoice.exe").write_bytes(EICAR)
    (tmp_path / "letter.txt").write_bytes(b"nothing is wrong here")
    async with browsing() as context:
        visitor = await visit(context, scanning.address.url)
        await visitor.drop(tmp_path / "invoice.exe", tmp_path / "letter.txt")
        await expect(visitor.badge("invoice.exe", "Quarantined")).to_be_visible()
        await expect(visitor.badge("letter.txt", "Ready")).to_be_visible()
        await expect(visitor.row("letter.txt").get_by_role("link", name="Download")).to_be_visible()
        await expect(visitor.row("invoice.exe").get_by_role("link", name="Download")).to_have_count(0)
        await visitor.page.get_by_role("link", name="Show in the library: invoice.exe").click()
        details = visitor.page.get_by_role("dialog", name="invoice.exe")
        await expect(details.get_by_text("The virus scanner found something")).to_be_visible()
        await expect(details.get_by_role("link", name="Download")).to_have_count(0)
        await in_order(visitor)
        await visitor.page.keyboard.press("Escape")
        admin = await visit(context, scanning.address.url, "/operate?show=quarantine")
        row = admin.page.get_by_role("row").filter(has_text="invoice.exe")
        await expect(row).to_contain_text(SIGNATURE)
        await in_order(admin)
        await admin.page.get_by_role("button", name="Delete: invoice.exe").click()
        await expect(admin.page.get_by_role("button", name="Yes")).to_be_focused()
        await admin.page.keyboard.press("Enter")
        await expect(admin.page.get_by_text("Nothing is in quarantine.")).to_be_visible()
        # The other tab hears of it by itself.
        await expect(visitor.row("invoice.exe")).to_have_count(0)
        await in_order(admin)


async def test_the_operator_sees_what_is_under_way(server: Server, tmp_path: Path, seed: int) -> None:
    path = Content(seed=seed, length=60_000_000).write_to(tmp_path / "big.iso")
    proxy = CuttingProxy(target=server.address, rate=2_000_000)
    async with proxy.running(), browsing() as context:
        sender = await visit(context, proxy.address.url)
        await sender.drop(path)
        await sender.until_percent("big.iso", 5)
        operator = await visit(context, server.address.url, "/operate")
        row = operator.page.get_by_role("row").filter(has_text="big.iso")
        await expect(row).to_contain_text("anonymous")
        await expect(operator.page.get_by_text("Database answers")).to_be_visible()
        await expect(operator.page.get_by_text("Storage answers")).to_be_visible()
        bar = operator.page.get_by_role("progressbar", name="Progress of big.iso")
        await expect(bar).not_to_have_attribute("aria-valuenow", "0")
        await expect(row).to_contain_text("MB/s")
        await expect(row).to_contain_text(socket.gethostname())
        await operator.on_a_phone()
        await expect(row).to_contain_text("MB/s")
        await in_order(operator)


async def test_an_address_that_names_no_section_shows_the_overview(server: Server) -> None:
    async with browsing() as context:
        visitor = await visit(context, server.address.url, "/operate?show=constructor")
        await expect(visitor.page.get_by_text("Database answers")).to_be_visible()
        await in_order(visitor)


async def test_the_operator_finds_who_did_what_and_what_is_set(
    tmp_path: Path, server: Server, seed: int
) -> None:
    path = Content(seed=seed, length=1000).write_to(tmp_path / "notes.txt")
    async with browsing(color_scheme="dark") as context:
        visitor = await visit(context, server.address.url)
        await visitor.drop(path)
        await expect(visitor.badge("notes.txt", "Uploaded")).to_be_visible()
        await visitor.page.get_by_role("link", name="Operate").click()
        await visitor.page.get_by_role("link", name="Audit log").click()
        await expect(visitor.page.get_by_role("cell", name="upload.stored")).to_be_visible()
        await visitor.page.get_by_label("Done by").fill("nobody at all")
        await expect(visitor.page.get_by_text("No event fits.")).to_be_visible()
        await in_order(visitor)
        await visitor.on_a_phone()
        await visitor.page.get_by_label("Done by").fill("")
        await expect(visitor.page.get_by_role("cell", name="upload.stored")).to_be_visible()
        await in_order(visitor)
        await visitor.page.get_by_role("link", name="Configuration").click()
        await visitor.page.get_by_label("Only what differs from the default").check()
        row = visitor.page.get_by_role("row").filter(has_text="storage.upload_dir")
        await expect(row).to_contain_text("flag --set storage.upload_dir")
        await expect(visitor.page.get_by_role("row").filter(has_text="server.page")).to_have_count(0)
        await in_order(visitor)
        await visitor.page.get_by_role("link", name="Webhooks").click()
        await expect(visitor.page.get_by_text("No webhooks are configured.")).to_be_visible()
        await in_order(visitor)
