"""Share links, with the real program."""

import asyncio
import json
import re
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.harness.rows import fetch
from tests.harness.scanned import Sent, scanning_settings, send, until_settled, until_verdict, version_of
from tests.harness.server import Server, until
from tests.harness.suspects import Suspect
from tests.harness.wire import Answer, request
from tests.services.clamd import ClamdServer
from tusd_py.scanning.specimens import EICAR

CONTENT = b"what is shared\n" * 40
JSON = ("Content-Type", "application/json")
CLEAN = Suspect(kind="clean", content=CONTENT, verdict="clean")


class Shared:
    """A file and a link to it."""

    def __init__(self, server: Server, sent: Sent, file_id: str, said: dict[str, Any]) -> None:
        self.server = server
        self.sent = sent
        self.file_id = file_id
        self.said = said
        self.path = urlsplit(said["url"]).path

    async def get(self, *headers: tuple[str, str], method: str = "GET") -> Answer:
        return await request(self.server.address, method, self.path, headers)

    async def row(self) -> dict[str, Any]:
        """As the API tells it."""
        told = await request(self.server.address, "GET", f"/api/v1/files/{self.file_id}/links")
        (found,) = [one for one in json.loads(told.body)["links"] if one["link_id"] == self.said["link_id"]]
        assert "url" not in found
        return dict(found)

    async def uses(self) -> int:
        return int((await self.row())["uses"])


async def make(server: Server, file_id: str, wanted: object) -> Answer:
    body = json.dumps(wanted).encode()
    return await request(server.address, "POST", f"/api/v1/files/{file_id}/links", [JSON], body)


async def shared(server: Server, content: bytes = CONTENT, **wanted: object) -> Shared:
    sent = await send(server, Suspect(kind="clean", content=content, verdict="clean"))
    file_id = str((await version_of(server, sent))["file_id"])
    made = await make(server, file_id, wanted)
    assert made.status == 201, made.body
    assert made.headers["cache-control"] == "no-store"
    return Shared(server, sent, file_id, json.loads(made.body))


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["code"]


def cookie(answer: Answer) -> tuple[str, str]:
    said = answer.headers["set-cookie"]
    assert "HttpOnly" in said
    assert "SameSite=Lax" in said
    return "Cookie", said.partition(";")[0]


GONE = (410, "ERR_LINK_GONE")


async def test_whoever_has_the_link_gets_the_file_so_often(shared_server: Server) -> None:
    link = await shared(shared_server, max_uses=2, expires_in=3600)
    assert (link.said["uses"], link.said["max_uses"], link.said["state"]) == (0, 2, "active")
    for _ in range(2):
        answer = await link.get()
        assert (answer.status, answer.body) == (200, CONTENT)
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["content-disposition"].startswith("attachment")
    assert code(await link.get()) == GONE
    assert code(await link.get(("Range", "bytes=3-"))) == GONE
    assert (await link.get(method="HEAD")).status == 410
    assert (await link.row())["state"] == "used up"


async def test_only_what_gives_bytes_is_counted(shared_server: Server) -> None:
    link = await shared(shared_server, max_uses=1)
    for _ in range(3):
        head = await link.get(method="HEAD")
        assert (head.status, head.headers["content-length"]) == (200, str(len(CONTENT)))
    etag = head.headers["etag"]
    assert (await link.get(("If-None-Match", etag))).status == 304
    assert (await link.get(("If-Match", '"other"'))).status == 412
    assert (await link.get(("Range", "bytes=9999-"))).status == 416
    assert await link.uses() == 0
    assert (await link.get()).status == 200
    assert await link.uses() == 1


async def test_further_ranges_of_a_counted_download_are_the_same_use(shared_server: Server) -> None:
    link = await shared(shared_server, max_uses=1)
    first = await link.get(("Range", "bytes=0-9"))
    assert (first.status, first.body) == (206, CONTENT[:10])
    resumed = cookie(first)
    for start in (10, 0, 200):
        part = await link.get(resumed, ("Range", f"bytes={start}-"))
        assert (part.status, part.body) == (206, CONTENT[start:])
    assert await link.uses() == 1
    # The whole file once more would be another use, and so is what another program asks for.
    assert code(await link.get(resumed)) == GONE
    assert code(await link.get(resumed, ("Range", "bytes=0-9"), ("If-Range", '"other"'))) == GONE
    assert code(await link.get(("Range", "bytes=10-"))) == GONE


async def test_the_cookie_of_one_link_is_none_of_another(shared_server: Server) -> None:
    one, other = await shared(shared_server, max_uses=1), await shared(shared_server, max_uses=1)
    stolen = cookie(await one.get())
    assert (await other.get()).status == 200
    assert code(await other.get(stolen, ("Range", "bytes=1-"))) == GONE
    for forged in (stolen[1][:-1], "tusd_resume=x.y", "tusd_resume=", "tusd_resume=" + "a" * 4000):
        assert code(await one.get(("Cookie", forged), ("Range", "bytes=1-"))) == GONE


async def test_a_visitor_is_told_no_id_which_would_open_more_than_the_link(tmp_path: Path) -> None:
    """Without logins, knowing an id is being allowed to use it."""
    async with Server(folder=tmp_path, settings={"access.auth": "none"}) as public:
        link = await shared(public, max_uses=1)
        secret = {"upload": link.sent.id, "file": link.file_id, "link": link.said["link_id"]}
        answers = [await link.get(method="HEAD"), await link.get(("Range", "bytes=0-9")), await link.get()]
        for answer in answers:
            said = f"{answer.headers} {answer.body!r}"
            for piece in re.findall(r"[A-Za-z0-9_-]{40,}", said):
                said += urlsafe_b64decode(piece + "=" * (-len(piece) % 4)).decode(errors="replace")
            assert [what for what, id_ in secret.items() if id_ in said] == []


async def test_a_link_is_never_used_more_often_than_allowed_however_many_race(
    tmp_path: Path, seed: int
) -> None:
    async with Server(folder=tmp_path, workers=2) as server:
        big = bytes(1 << 20)
        for content, limit in ((CONTENT, 5), (big, 3)):
            link = await shared(server, content, max_uses=limit)
            got = await asyncio.gather(*(link.get() for _ in range(40)))
            assert sorted(answer.status for answer in got) == [200] * limit + [410] * (40 - limit)
            assert await link.uses() == limit
        told = await fetch(server, "SELECT actor FROM events WHERE kind = 'link.used'")
        assert len(told) == 8


async def test_uses_without_a_limit_are_counted_a_moment_later(server: Server) -> None:
    link = await shared(server)
    for _ in range(5):
        assert (await link.get()).status == 200
    async with asyncio.timeout(10):
        while await link.uses() < 5:
            await asyncio.sleep(0.05)
    assert (await link.row())["last_used_at"] is not None
    await link.get()
    await server.stop()
    (row,) = await fetch(server, "SELECT uses FROM links")
    assert row["uses"] == 6
    told = await fetch(server, "SELECT data FROM events WHERE kind = 'link.used'")
    assert len(told) == 6
    assert json.loads(told[0]["data"])["client"] == "127.0.0.1"


async def test_a_link_ends(shared_server: Server) -> None:
    link = await shared(shared_server, expires_in=1)
    async with asyncio.timeout(10):
        while (answer := await link.get(method="HEAD")).status == 200:
            await asyncio.sleep(0.05)
    assert answer.status == 410
    assert code(await link.get()) == GONE
    assert (await link.row())["state"] == "expired"


async def test_a_link_is_taken_back_at_once(shared_server: Server) -> None:
    link = await shared(shared_server)
    resumed = cookie(await link.get())
    target = f"/api/v1/links/{link.said['link_id']}"
    assert (await request(shared_server.address, "DELETE", target)).status == 204
    assert code(await link.get()) == GONE
    assert code(await link.get(resumed, ("Range", "bytes=1-"))) == GONE
    assert (await request(shared_server.address, "DELETE", target)).status == 204
    assert (await link.row())["state"] == "revoked"


async def test_a_link_goes_with_its_file(shared_server: Server) -> None:
    link = await shared(shared_server)
    gone = await request(shared_server.address, "DELETE", link.sent.target, [("Tus-Resumable", "1.0.0")])
    assert gone.status == 204
    assert code(await link.get()) == GONE


async def test_browsers_get_a_page_that_runs_nothing(shared_server: Server) -> None:
    link = await shared(shared_server, max_uses=1)
    browser = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
    assert (await link.get(browser)).body == CONTENT
    answer = await link.get(browser)
    assert (answer.status, answer.headers["content-type"]) == (410, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert b"<script" not in answer.body
    assert b"used up" in answer.body


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"max_uses": 0}, 400),
        ({"max_uses": 1.5}, 400),
        ({"max_uses": True}, 400),
        ({"max_uses": "3"}, 400),
        ({"expires_in": 0}, 400),
        ({"expires_in": 31 * 24 * 3600}, 400),
        ({"expires_in": 10**30}, 400),
        ({"for_ever": True}, 400),
        ([], 400),
        ({"version": 7}, 404),
        ({"max_uses": None, "expires_in": None, "version": 1}, 201),
    ],
)
async def test_what_cannot_be_is_refused_with_a_reason(
    shared_server: Server, wanted: object, status: int
) -> None:
    link = await shared(shared_server)
    answer = await make(shared_server, link.file_id, wanted)
    assert answer.status == status, answer.body
    assert status == 201 or json.loads(answer.body)["detail"]


async def test_nothing_but_a_link_is_one(shared_server: Server) -> None:
    link = await shared(shared_server)
    for path in ("/s/", "/s/x", link.path[:-1], link.path + "A", "/s/" + "A" * 43, "/s/" + "A" * 5000):
        answer = await request(shared_server.address, "GET", path)
        assert answer.status == 404, path
    nobody = "0" * 32
    assert (await make(shared_server, nobody, {})).status == 404
    unknown = await request(shared_server.address, "DELETE", f"/api/v1/links/{nobody}")
    assert code(unknown) == (404, "ERR_LINK_NOT_FOUND")


async def test_a_file_has_no_more_links_than_the_settings_say(tmp_path: Path) -> None:
    async with Server(folder=tmp_path, settings={"downloads.share_max_links": "2"}) as server:
        link = await shared(server)
        assert (await make(server, link.file_id, {})).status == 201
        assert code(await make(server, link.file_id, {})) == (409, "ERR_TOO_MANY_LINKS")
        await request(server.address, "DELETE", f"/api/v1/links/{link.said['link_id']}")
        assert (await make(server, link.file_id, {})).status == 201


async def test_where_there_are_no_links_none_opens(tmp_path: Path) -> None:
    async with Server(folder=tmp_path) as server:
        link = await shared(server)
        assert (await link.get()).status == 200
        await server.stop()
        server.settings = {"downloads.share_links": "false"}
        await server.start()
        assert (await link.get()).status == 404
        assert (await make(server, link.file_id, {})).status == 404


async def test_closed_links_are_forgotten_in_the_end(tmp_path: Path) -> None:
    settings = {"downloads.share_keep": "1s", "storage.sweep_interval": "1s"}
    async with Server(folder=tmp_path, settings=settings) as server:
        dead, alive = await shared(server, expires_in=1), await shared(server)
        await until(lambda: "links.forgotten" in server.log, "it is forgotten", 15)
        assert (await dead.get()).status == 404
        assert (await alive.get()).status == 200


async def test_nothing_is_shared_before_its_verdict_or_after_another(
    tmp_path: Path, own_clamd: ClamdServer
) -> None:
    async with Server(folder=tmp_path, settings=scanning_settings(own_clamd.socket)) as server:
        await until(lambda: "scanner.proven" in server.log, "clamd is believed", 20)
        own_clamd.freeze()
        link = await shared(server, max_uses=1)
        bad = await shared(server, EICAR)
        for one in (link, bad):
            answer = await one.get()
            assert (code(answer), answer.headers["retry-after"]) == ((409, "ERR_NOT_SCANNED"), "5")
        own_clamd.wake()
        await until_verdict(server, link.sent, "clean")
        await until_settled(server)
        assert (await link.get()).body == CONTENT
        refused = await bad.get()
        assert code(refused) == (403, "ERR_QUARANTINED")
        assert await link.uses() == 1
        assert await bad.uses() == 0
