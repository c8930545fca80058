"""The built-in page in Chromium: what a person sees, and what arrives."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.cutting import CuttingProxy
from tests.harness.rows import fetch
from tests.harness.server import Server
from tests.harness.wire import request

from .journeys import Journey, through_everything
from .paces import FIRST_LOAD, bytes_loaded
from .visitor import Visitor, browsing, page_reason, profile, visit, write_files

MIB = 1 << 20
SMALL_FILES = 300
"""`make crash ARGS=page` drops a thousand."""

pytestmark = pytest.mark.skipif(page_reason() is not None, reason=page_reason() or "")


def _content(folder: Path, name: str, length: int, seed: int) -> tuple[Path, Content]:
    content = Content(seed=seed, length=length)
    folder.mkdir(parents=True, exist_ok=True)
    return content.write_to(folder / name), content


async def _arrived(server: Server, visitor: Visitor, name: str, content: Content) -> bool:
    """The link that the page shows gives what was sent."""
    url = await visitor.row(name).get_by_role("link", name="Download").get_attribute("href") or ""
    found = await download(server.address, "/files/" + url.rpartition("/files/")[2])
    return found == (200, content.length, content.sha256())


@asynccontextmanager
async def sending(
    server: Server, path: Path, *, rate: int, percent: int, color_scheme: str = "light"
) -> AsyncIterator[tuple[Visitor, CuttingProxy]]:
    """A page that has sent so much of a file, at `rate` bytes a second."""
    proxy = CuttingProxy(target=server.address, rate=rate)
    async with proxy.running(), browsing(color_scheme=color_scheme) as context:
        visitor = await visit(context, proxy.address.url)
        await visitor.drop(path)
        await visitor.until_percent(path.name, percent)
        yield visitor, proxy


async def test_a_dropped_file_moves_and_arrives_and_nothing_is_complained_of(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path, content = _content(tmp_path / "in", "film.mkv", 24 * MIB, seed)
    proxy = CuttingProxy(target=server.address, rate=3 * MIB)
    async with proxy.running(), browsing() as context:
        visitor = await visit(context, proxy.address.url)
        assert await bytes_loaded(visitor) <= FIRST_LOAD
        assert await visitor.accessibility_faults() == []
        await visitor.drop(path)
        await expect(visitor.badge("film.mkv", "Uploading")).to_be_visible()
        await visitor.until_percent("film.mkv", 20)
        first = await visitor.percent("film.mkv")
        await visitor.until_percent("film.mkv", first + 20)
        await expect(visitor.row("film.mkv")).to_contain_text(
            re.compile(r"of 25\.2 MB · [\d.]+ MB/s · \d+ sec left")
        )
        assert await visitor.accessibility_faults() == []
        proxy.rate = 0
        await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
        assert await _arrived(server, visitor, "film.mkv", content)
        async with visitor.page.expect_download() as started:
            await visitor.row("film.mkv").get_by_role("link", name="Download").click()
        saved = await (await started.value).path()
        assert hashlib.sha256(saved.read_bytes()).hexdigest() == content.sha256()
        assert await visitor.accessibility_faults() == []
        assert await visitor.violations() == []
        assert (visitor.errors, visitor.foreign) == ([], [])


async def test_an_upload_goes_on_through_cuts_a_killed_server_and_a_reload(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path, content = _content(tmp_path / "in", "big.iso", 64 * MIB, seed)
    journey = Journey(path=path, content=content, rate=20 * MIB)
    assert await through_everything(server, journey) == []


async def test_hundreds_of_small_files_arrive_while_the_page_answers(
    server: Server, tmp_path: Path, seed: int
) -> None:
    paths = write_files(tmp_path / "in", SMALL_FILES, 10 * 1024, seed)
    async with browsing() as context:
        visitor = await visit(context, server.address.url)
        await visitor.drop(tmp_path / "in")
        await expect(
            visitor.page.get_by_role("heading", name=re.compile(f"of {SMALL_FILES} uploaded"))
        ).to_be_visible()
        async with visitor.watched() as work:  # what reading the folder took does not count
            await visitor.page.mouse.wheel(0, 20_000)
            heading = visitor.page.get_by_role("heading", name=f"{SMALL_FILES} files uploaded")
            await expect(heading).to_be_visible(timeout=120_000)
        assert work.longest <= 200, f"the page was at one thing for {work.longest:.0f} ms"
        assert await visitor.page.get_by_role("listitem").count() < 60
        assert visitor.errors == []
    rows = await fetch(server, "SELECT sum(length) AS bytes, count(*) AS number FROM versions")
    assert (rows[0]["bytes"], rows[0]["number"]) == (SMALL_FILES * 10 * 1024, SMALL_FILES)
    stored = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in server.data.rglob("*")
        if path.is_file() and path.stat().st_size == 10 * 1024
    }
    assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths} <= stored


async def test_by_keyboard_alone(server: Server, tmp_path: Path, seed: int) -> None:
    path, content = _content(tmp_path / "in", "film.mkv", 24 * MIB, seed)
    proxy = CuttingProxy(target=server.address, rate=2 * MIB)
    async with proxy.running(), browsing() as context:
        visitor = await visit(context, proxy.address.url)
        keyboard = visitor.page.keyboard

        async def reach(name: str) -> None:
            for _ in range(20):
                if await visitor.page.get_by_role("button", name=name).evaluate(
                    "node => node === document.activeElement"
                ):
                    return
                await keyboard.press("Tab")
            pytest.fail(f"Tab does not reach {name}")

        await reach("Choose files")
        async with visitor.page.expect_file_chooser() as asked:
            await keyboard.press("Enter")
        await (await asked.value).set_files(path)
        await expect(visitor.badge("film.mkv", "Uploading")).to_be_visible()

        await reach("Pause: film.mkv")
        await keyboard.press("Space")
        await expect(visitor.badge("film.mkv", "Paused")).to_be_visible()
        proxy.rate = 0
        # The button that did it is now the one that undoes it, and still has the focus.
        await reach("Resume: film.mkv")
        await keyboard.press("Enter")
        await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
        await reach("Copy link: film.mkv")
        assert await _arrived(server, visitor, "film.mkv", content)


async def test_a_file_that_is_too_large_is_told_so_and_not_sent(tmp_path: Path) -> None:
    settings = {"uploads.max_size": "1MB"}
    async with Server(folder=tmp_path, settings=settings) as server, browsing() as context:
        visitor = await visit(context, server.address.url)
        await expect(visitor.page.get_by_text("Up to 1 MB per file.")).to_be_visible()
        paths = [*write_files(tmp_path / "in", 1, 2_500_000, 1), *write_files(tmp_path / "fit", 2, 1000, 2)]
        await visitor.drop(paths[0], paths[2])
        await expect(visitor.row("small0000.bin")).to_contain_text("Too large: 2.5 MB, the limit is 1 MB")
        await expect(visitor.badge("small0001.bin", "Uploaded")).to_be_visible()
        assert await visitor.accessibility_faults() == []
        assert len(await fetch(server, "SELECT id FROM uploads")) == 1


async def test_small_files_go_on_by_themselves_after_a_reload_and_one_paused_stays_so(
    server: Server, tmp_path: Path, seed: int
) -> None:
    first, content = _content(tmp_path / "in", "first.bin", 6 * MIB, seed)
    other, _ = _content(tmp_path / "in", "other.bin", 5 * MIB, seed + 1)
    proxy = CuttingProxy(target=server.address, rate=MIB // 2)
    async with proxy.running(), browsing() as context:
        visitor = await visit(context, proxy.address.url)
        await visitor.drop(first, other)
        await visitor.until_percent("first.bin", 20)
        await visitor.until_percent("other.bin", 20)
        await visitor.row("other.bin").get_by_role("button", name="Pause").click()
        await expect(visitor.badge("other.bin", "Paused")).to_be_visible()
        await visitor.page.reload()
        assert visitor.dialogs == ["beforeunload"]
        proxy.rate = 0
        await expect(visitor.badge("first.bin", "Uploaded")).to_be_visible()
        await expect(visitor.badge("other.bin", "Paused")).to_be_visible()
        assert await _arrived(server, visitor, "first.bin", content)
    assert len(await fetch(server, "SELECT id FROM uploads")) == 2


async def test_an_upload_goes_on_after_the_browser_was_started_again(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path, content = _content(tmp_path / "in", "film.mkv", 24 * MIB, seed)
    wrong, _ = _content(tmp_path / "in", "other.mkv", 24 * MIB, seed + 1)
    proxy = CuttingProxy(target=server.address, rate=4 * MIB)
    async with proxy.running():
        async with profile(tmp_path / "profile") as context:
            visitor = await visit(context, proxy.address.url)
            await visitor.drop(path)
            await visitor.until_percent("film.mkv", 40)
        async with profile(tmp_path / "profile") as context:
            visitor = await visit(context, proxy.address.url)
            await expect(visitor.page.get_by_role("heading", name="Unfinished uploads")).to_be_visible()
            await expect(visitor.row("film.mkv")).to_contain_text(re.compile(r"[3-9]\d ?% sent"))
            assert await visitor.accessibility_faults() == []
            choose = visitor.page.get_by_role("button", name="Choose the file: film.mkv")
            await visitor.choose(choose, wrong)
            await expect(visitor.page.get_by_text("That is another file.")).to_be_visible()
            before = proxy.sent
            proxy.rate = 0
            await visitor.choose(choose, path)
            await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
            # 60 % where the server had read all that came, less where it was too busy to.
            assert proxy.sent - before < content.length * 0.9
            assert await _arrived(server, visitor, "film.mkv", content)
            await visitor.page.reload()
            await expect(visitor.page.get_by_role("button", name="Choose files")).to_be_visible()
            await expect(visitor.page.get_by_role("heading", name="Unfinished uploads")).to_have_count(0)
    assert len(await fetch(server, "SELECT id FROM uploads")) == 1


async def test_files_of_a_folder_go_on_when_they_are_chosen_without_it(
    server: Server, tmp_path: Path, seed: int
) -> None:
    paths = [
        _content(tmp_path / "holiday" / day, f"{day}.mkv", 12 * MIB, seed + number)[0]
        for number, day in enumerate(("friday", "sunday"))
    ]
    proxy = CuttingProxy(target=server.address, rate=MIB)
    async with proxy.running(), browsing() as context:
        visitor = await visit(context, proxy.address.url)
        await visitor.drop(tmp_path / "holiday")
        for path in paths:
            await visitor.until_percent(path.name, 10)
        await visitor.page.reload()
        await expect(visitor.page.get_by_role("heading", name="Unfinished uploads")).to_be_visible()
        proxy.rate = 0
        await visitor.choose(visitor.page.get_by_role("button", name="Choose several at once"), *paths)
        for path in paths:
            await expect(visitor.badge(f"holiday/{path.parent.name}/{path.name}", "Uploaded")).to_be_visible()
        await expect(visitor.page.get_by_role("heading", name="Unfinished uploads")).to_have_count(0)
    assert len(await fetch(server, "SELECT id FROM uploads")) == 2


async def test_another_tab_leaves_what_this_one_sends_alone(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path, _ = _content(tmp_path / "in", "film.mkv", 6 * MIB, seed)
    async with sending(server, path, rate=MIB, percent=5) as (visitor, proxy):
        second = await visit(visitor.page.context, proxy.address.url)
        await second.page.wait_for_timeout(1_000)  # longer than a tab waits for the others
        await expect(second.row("film.mkv")).to_have_count(0)
        proxy.rate = 0
        await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()


async def test_cancelling_can_be_undone_and_otherwise_deletes(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path, _ = _content(tmp_path / "in", "film.mkv", 24 * MIB, seed)
    async with sending(server, path, rate=2 * MIB, percent=10) as (visitor, _):
        cancel = visitor.row("film.mkv").get_by_role("button", name="Cancel")
        await cancel.click()
        await expect(visitor.row("film.mkv")).to_have_count(0)
        await visitor.page.get_by_role("button", name="Undo").click()
        await visitor.until_percent("film.mkv", 10)
        await cancel.click()
        async with visitor.page.expect_request(lambda sent: sent.method == "DELETE") as deleting:
            await visitor.page.get_by_role("button", name="Close").click()
        answered = await (await deleting.value).response()
        assert answered is not None
        assert answered.status == 204
        url = (await deleting.value).url
    answer = await request(
        server.address, "HEAD", "/files/" + url.rpartition("/")[2], [("Tus-Resumable", "1.0.0")]
    )
    assert answer.status == 410


async def test_a_folder_keeps_its_paths_and_doubles_are_noticed(
    server: Server, tmp_path: Path, seed: int
) -> None:
    folder = tmp_path / "holiday"
    write_files(folder / "day1", 2, 100, seed)
    (inside,) = write_files(folder / "day2" / "evening", 1, 0, seed)
    async with browsing(locale="de-DE") as context:
        visitor = await visit(context, server.address.url)
        await visitor.drop(folder)
        await expect(visitor.page.get_by_role("heading", name="3 Dateien hochgeladen")).to_be_visible()
        await expect(visitor.row("holiday/day2/evening/small0000.bin")).to_be_visible()
        await expect(visitor.badge("day1/small0001.bin", "Hochgeladen")).to_be_visible()
        await visitor.page.get_by_role("combobox").select_option("English")
        await expect(visitor.badge("day1/small0001.bin", "Uploaded")).to_be_visible()
        assert await visitor.page.evaluate("document.documentElement.lang") == "en"
    assert inside.stat().st_size == 0


async def test_a_server_that_is_away_is_waited_for_with_a_countdown(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path, content = _content(tmp_path / "in", "film.mkv", 24 * MIB, seed)
    async with sending(server, path, rate=4 * MIB, percent=20, color_scheme="dark") as (visitor, proxy):
        await server.kill9()
        proxy.rate = 0
        await expect(visitor.badge("film.mkv", "Waiting")).to_be_visible()
        await expect(visitor.row("film.mkv")).to_contain_text(
            re.compile(r"Connection lost · trying again in \d+ sec"), timeout=30_000
        )
        assert await visitor.accessibility_faults() == []
        await server.start()
        await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible(timeout=60_000)
        assert await _arrived(server, visitor, "film.mkv", content)


async def test_a_busy_server_is_waited_for_as_long_as_it_says_or_until_one_says_now(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path, content = _content(tmp_path / "in", "film.mkv", 3 * MIB, seed)

    async def busy(route: Route) -> None:
        await route.fulfill(status=503, headers={"Retry-After": "100"})

    async with browsing() as context:
        visitor = await visit(context, server.address.url)
        await visitor.page.route("**/files/*", busy)
        await visitor.drop(path)
        await expect(visitor.row("film.mkv")).to_contain_text(
            re.compile(r"The server is busy \(503\) · trying again in 1 min \d+ sec"), timeout=30_000
        )
        await visitor.page.unroute("**/files/*")
        await visitor.row("film.mkv").get_by_role("button", name="Try now").click()
        await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
        assert await _arrived(server, visitor, "film.mkv", content)


async def _nothing_here(route: Route) -> None:
    """What a proxy says while no server is behind it; only ours says that it speaks tus."""
    await route.fulfill(status=404, content_type="text/html", body="<h1>404 page not found</h1>")


async def test_an_upload_that_only_a_proxy_calls_gone_goes_on_from_what_the_server_has(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path, content = _content(tmp_path / "in", "film.mkv", 24 * MIB, seed)
    async with sending(server, path, rate=4 * MIB, percent=40) as (visitor, proxy):
        context = visitor.page.context
        await context.route("**/files/*", _nothing_here)
        await visitor.row("film.mkv").get_by_role("button", name="Pause").click()
        await visitor.row("film.mkv").get_by_role("button", name="Resume").click()
        await expect(visitor.row("film.mkv")).to_contain_text("The server is busy (404)")
        # The next visit hears the same of it.
        async with context.expect_event("response", lambda answer: answer.status == 404):
            await visitor.page.reload()
        await expect(visitor.row("film.mkv")).to_contain_text("% sent")
        await context.unroute("**/files/*")
        before = proxy.sent
        proxy.rate = 0
        choose = visitor.page.get_by_role("button", name="Choose the file: film.mkv")
        await visitor.choose(choose, path)
        await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
        assert proxy.sent - before < content.length * 0.9
        assert await _arrived(server, visitor, "film.mkv", content)
    assert len(await fetch(server, "SELECT id FROM uploads")) == 1


async def test_visitors_who_share_a_name_are_shown_no_library_and_ask_for_no_news(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path, content = _content(tmp_path / "in", "film.mkv", MIB, seed)
    # Through somebody's proxy nobody is the person at this machine.
    async with browsing(extra_http_headers={"Via": "1.1 proxy"}) as context:
        visitor = await visit(context, server.address.url, "/library")
        asked: list[str] = []
        visitor.page.on("websocket", lambda socket: asked.append(socket.url))
        visitor.page.on("request", lambda request: asked.append(request.url))
        await expect(visitor.page.get_by_text("There is no list of files for you here.")).to_be_visible()
        await visitor.page.get_by_role("link", name="Upload", exact=True).click()
        await expect(visitor.page.get_by_role("link", name="Library")).to_have_count(0)
        # Asked for instead of told.
        async with visitor.page.expect_request("**/api/v1/uploads/*"):
            await visitor.drop(path)
        await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
        assert await _arrived(server, visitor, "film.mkv", content)
        assert not [url for url in asked if re.search("api/v1/(live|events|files)", url)]
        assert visitor.errors == []


async def test_what_was_finished_without_the_tab_hearing_of_it_is_shown_as_uploaded(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path, content = _content(tmp_path / "in", "film.mkv", 24 * MIB, seed)
    async with sending(server, path, rate=4 * MIB, percent=40) as (visitor, proxy):
        context = visitor.page.context
        await visitor.page.close()
        proxy.rate = 0
        (row,) = await fetch(server, "SELECT id FROM uploads")
        target, version = f"/files/{row['id']}", ("Tus-Resumable", "1.0.0")
        offset = (await request(server.address, "HEAD", target, [version])).headers["upload-offset"]
        rest = content.read(int(offset), content.length)
        headers = [version, ("Upload-Offset", offset), ("Content-Type", "application/offset+octet-stream")]
        assert (await request(server.address, "PATCH", target, headers, rest)).status == 204
        later = await visit(context, proxy.address.url)
        await expect(later.badge("film.mkv", "Uploaded")).to_be_visible()
        assert await _arrived(server, later, "film.mkv", content)


_PASTE = """() => {
  const held = new DataTransfer()
  held.items.add(new File(['pasted'], 'picture.png', { type: 'image/png', lastModified: 1 }))
  const paste = { clipboardData: held, bubbles: true, cancelable: true }
  document.dispatchEvent(new ClipboardEvent('paste', paste))
}"""


async def test_files_can_be_pasted_and_a_folder_can_be_chosen(
    server: Server, tmp_path: Path, seed: int
) -> None:
    write_files(tmp_path / "holiday" / "day1", 2, 100, seed)
    async with browsing() as context:
        visitor = await visit(context, server.address.url)
        await visitor.page.evaluate(_PASTE)
        await expect(visitor.badge("picture.png", "Uploaded")).to_be_visible()
        button = visitor.page.get_by_role("button", name="Choose a folder")
        await visitor.choose(button, tmp_path / "holiday")
        await expect(visitor.badge("holiday/day1/small0001.bin", "Uploaded")).to_be_visible()
        await visitor.page.evaluate(_PASTE)
        await expect(visitor.page.get_by_role("heading", name="4 files uploaded")).to_be_visible()
        assert visitor.errors == []


async def test_a_tab_cannot_discard_what_another_one_went_on_with(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path, content = _content(tmp_path / "in", "film.mkv", 24 * MIB, seed)
    async with sending(server, path, rate=4 * MIB, percent=40) as (visitor, proxy):
        context = visitor.page.context
        await visitor.page.close()
        proxy.rate = 0
        first = await visit(context, proxy.address.url)
        second = await visit(context, proxy.address.url)
        await expect(first.row("film.mkv")).to_be_visible()
        await expect(second.row("film.mkv")).to_be_visible()
        choose = first.page.get_by_role("button", name="Choose the file: film.mkv")
        await first.choose(choose, path)
        await expect(first.badge("film.mkv", "Uploaded")).to_be_visible()
        await second.page.get_by_role("button", name="Discard: film.mkv").click()
        await expect(second.row("film.mkv")).to_have_count(0)
        await second.page.wait_for_timeout(1_000)  # longer than a tab waits for the others
        assert await _arrived(server, first, "film.mkv", content)


async def test_what_a_closed_tab_left_is_taken_up_by_one_that_sends_it(
    server: Server, tmp_path: Path, seed: int
) -> None:
    large, _ = _content(tmp_path / "in", "film.mkv", 12 * MIB, seed)
    small, content = _content(tmp_path / "in", "notes.bin", 6 * MIB, seed + 1)
    async with sending(server, large, rate=MIB, percent=10) as (visitor, proxy):
        context = visitor.page.context
        await visitor.page.close()
        bystander = await visit(context, proxy.address.url)
        await expect(bystander.row("film.mkv")).to_be_visible()
        sender = await visit(context, proxy.address.url)
        await sender.drop(small)
        await sender.until_percent("notes.bin", 10)
        await sender.page.close()
        # This asks which uploads are still nobody's, and must not make the other one its own.
        async with bystander.page.expect_request(lambda sent: sent.method == "DELETE"):
            await bystander.page.get_by_role("button", name="Discard: film.mkv").click()
        proxy.rate = 0
        later = await visit(context, proxy.address.url)
        await expect(later.badge("notes.bin", "Uploaded")).to_be_visible()
        assert await _arrived(server, later, "notes.bin", content)


_BREAK_DATABASE = """() => {
  IDBDatabase.prototype.transaction = () => { throw new DOMException('closed', 'InvalidStateError') }
}"""


async def test_an_upload_goes_on_where_the_browser_closed_its_database_meanwhile(
    server: Server, tmp_path: Path, seed: int
) -> None:
    path, content = _content(tmp_path / "in", "film.mkv", 12 * MIB, seed)
    async with sending(server, path, rate=MIB, percent=10) as (visitor, proxy):
        await visitor.page.reload()
        choose = visitor.page.get_by_role("button", name="Choose the file: film.mkv")
        await expect(choose).to_be_visible()
        await visitor.page.evaluate(_BREAK_DATABASE)
        proxy.rate = 0
        await visitor.choose(choose, path)
        await expect(visitor.badge("film.mkv", "Uploaded")).to_be_visible()
        assert await _arrived(server, visitor, "film.mkv", content)
    assert len(await fetch(server, "SELECT id FROM uploads")) == 1


_REMEMBER = """async (records) => {
  const { tenant, user_id } = await (await fetch('/api/v1/me')).json()
  const database = await new Promise((resolve) => {
    const asked = indexedDB.open('tusd-py')
    asked.onsuccess = () => resolve(asked.result)
  })
  const transaction = database.transaction('unfinished', 'readwrite')
  for (const [index, record] of records.entries()) {
    const rest = { type: '', url: '', offset: 0, paused: false, changed: index, tab: 'gone' }
    const user = JSON.stringify([tenant, user_id])
    transaction.objectStore('unfinished').put({ key: `${index}`, ...rest, user, ...record })
  }
  await new Promise((resolve) => (transaction.oncomplete = resolve))
  database.close()
}"""


async def test_thousands_of_unfinished_uploads_neither_stop_the_page_nor_what_is_chosen_again(
    server: Server, tmp_path: Path, seed: int
) -> None:
    paths = write_files(tmp_path / "in", 200, 1024, seed)
    names = [f"left{number:04}.bin" for number in range(2_800)]
    left = [{"name": name, "path": f"left/{name}", "size": 1, "lastModified": 1} for name in names]
    again = [
        {
            "name": path.name,
            "path": f"in/{path.name}",
            "size": 1024,
            "lastModified": path.stat().st_mtime_ns // 1_000_000,
        }
        for path in paths
    ]
    async with browsing() as context:
        visitor = await visit(context, server.address.url)
        await visitor.page.evaluate(_REMEMBER, again + left)
        async with visitor.watched() as work:
            await visitor.page.reload()
            await expect(visitor.page.get_by_text("and 2,900 more")).to_be_visible()
            button = visitor.page.get_by_role("button", name="Choose several at once")
            await visitor.choose(button, *paths)
            await expect(visitor.page.get_by_role("heading", name="200 files uploaded")).to_be_visible()
        assert work.longest <= 200, f"the page was at one thing for {work.longest:.0f} ms"
        await expect(visitor.page.get_by_text("and 2,700 more")).to_be_visible()
        assert await visitor.page.get_by_role("listitem").count() < 160
        assert visitor.errors == []
    assert len(await fetch(server, "SELECT id FROM uploads")) == 200
