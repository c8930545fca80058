"""The catalogue over HTTP, as several users."""

import json
import secrets
from base64 import b64encode
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.access.asking import TUS, ask_for_head, new_file
from tests.harness.server import Server
from tests.harness.wire import request

from .caller import Caller, problem


@pytest.fixture
def ann(guarded: Server) -> Caller:
    """Somebody new, whose list is empty."""
    return Caller(server=guarded, user=f"ann{secrets.token_hex(4)}")


@pytest.fixture
def bob(guarded: Server) -> Caller:
    return Caller(server=guarded, user="bob")


@pytest.fixture
def admin(guarded: Server) -> Caller:
    return Caller(server=guarded, user="root", scope="admin")


async def test_a_file_is_shown_as_promised(ann: Caller) -> None:
    file = await ann.file(b"hello", filename="a.txt", filetype="text/plain")
    assert file | {"file_id": "", "created_at": "", "updated_at": "", "sniffed_type": None} == {
        "file_id": "",
        "user_id": ann.user,
        "tenant": "acme",
        "path": None,
        "filename": "a.txt",
        "file_size": 5,
        "mime_type": file["mime_type"],
        "declared_type": "text/plain",
        "sniffed_type": None,
        "status": "ready",
        "virus_status": "unknown",
        "sha256": file["sha256"],
        "version": 1,
        "tags": [],
        "created_at": "",
        "updated_at": "",
    }
    assert len(file["created_at"]) == len("2026-01-02T03:04:05.678901Z")
    assert (await ann.get("/api/v1/files"))["files"] == [file]


async def test_lists_are_of_ones_own_and_of_all_for_the_admin(
    ann: Caller, bob: Caller, admin: Caller
) -> None:
    await ann.file(filename="mine.txt")
    await bob.file(filename="his.txt")
    assert await ann.names() == ["mine.txt"]
    assert await ann.names(user_id=ann.user) == ["mine.txt"]
    assert "mine.txt" not in await bob.names()
    assert {"mine.txt", "his.txt"} <= set(await admin.names(limit=500))
    assert await admin.names(user_id=ann.user) == ["mine.txt"]
    refused = await ann.ask("GET", "/api/v1/files", query={"user_id": "bob"})
    assert problem(refused) == (403, "ERR_FORBIDDEN")
    stranger = Caller(server=ann.server, user=ann.user, tenant="other")
    assert "mine.txt" not in await stranger.names()


async def test_pages_and_filters(ann: Caller) -> None:
    for number in range(5):
        await ann.file(filename=f"report {number}.txt", filetype="image/png" if number % 2 else "text/plain")
    tagged = await ann.file(filename="tagged.txt")
    await ann.ask("PATCH", f"/api/v1/files/{tagged['file_id']}", {"tags": ["red", "green"]})
    everything = ["tagged.txt", *(f"report {number}.txt" for number in (4, 3, 2, 1, 0))]
    assert await ann.names(limit=2) == everything
    assert await ann.names(sort="created_at", limit=4) == everything[::-1]
    assert await ann.names(q="rep") == everything[1:]
    assert await ann.names(q="REPORT 3") == ["report 3.txt"]
    assert await ann.names(tag=["red", "green"]) == ["tagged.txt"]
    assert await ann.names(tag="re") == []
    assert await ann.names(status=["ready", "failed"], limit=3) == everything
    assert await ann.names(status="quarantined") == []
    assert await ann.names(virus_status="unknown") == everything
    assert await ann.names(created_after=tagged["created_at"]) == ["tagged.txt"]
    assert await ann.names(created_before=tagged["created_at"]) == everything[1:]


@pytest.mark.parametrize(
    "query",
    [
        {"stauts": "ready"},
        {"status": "fine"},
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "1e1"},
        {"limit": ["1", "2"]},
        {"cursor": "x"},
        {"cursor": ""},
        {"sort": "size"},
        {"q": "?!"},
        {"q": ""},
        {"q": " ".join("abcdefghijklmnopq")},
        {"q": "x" * 513},
        {"q": "a\x00b"},
        {"created_after": "yesterday"},
        {"created_before": "2026-02-30T00:00:00Z"},
        {"mime_type": "image"},
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused(ann: Caller, query: dict[str, Any]) -> None:
    refused = await ann.ask("GET", "/api/v1/files", query=query)
    assert problem(refused) == (400, "ERR_INVALID_QUERY")
    assert next(iter(query)) in json.loads(refused.body)["detail"]


@pytest.mark.parametrize(
    ("method", "below"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/versions"),
        ("POST", "/versions/1/restore"),
    ],
)
async def test_what_is_somebody_elses_is_not_there(ann: Caller, bob: Caller, method: str, below: str) -> None:
    """To the last letter as what never was."""
    file_id = (await ann.file(filename="a"))["file_id"]
    body = {"filename": "b"} if method == "PATCH" else None
    answers = [await bob.ask(method, f"/api/v1/files/{one}{below}", body) for one in (file_id, "0" * 32, "x")]
    assert [problem(answer) for answer in answers] == [(404, "ERR_NOT_FOUND")] * 3
    assert len({answer.body for answer in answers}) == 1


async def test_a_file_is_renamed_and_tagged_by_whom_it_belongs_to(ann: Caller, admin: Caller) -> None:
    file = await ann.file(filename="a.txt", path="old/a.txt")
    target = f"/api/v1/files/{file['file_id']}"
    said = await ann.ask("GET", target)
    etag = said.headers["etag"]
    wanted = {"filename": "b.txt", "tags": ["x y"]}
    changed = await ann.ask("PATCH", target, wanted, headers={"If-Match": f'"else", {etag}'})
    assert changed.status == 200
    assert json.loads(changed.body) == file | wanted | {"updated_at": json.loads(changed.body)["updated_at"]}
    assert changed.headers["etag"] != etag
    assert (await ann.ask("GET", target)).headers["etag"] == changed.headers["etag"]
    for condition in (etag, "W/" + changed.headers["etag"], '"x"'):
        refused = await ann.ask("PATCH", target, {"tags": []}, headers={"If-Match": condition})
        assert problem(refused) == (412, "ERR_PRECONDITION_FAILED")
    by_admin = await admin.ask("PATCH", target, {"path": None}, headers={"If-Match": "*"})
    assert json.loads(by_admin.body)["path"] is None


async def test_what_did_not_change_is_not_sent_again(ann: Caller) -> None:
    target = f"/api/v1/files/{(await ann.file(filename='a'))['file_id']}"
    first = await ann.ask("GET", target)
    again = await ann.ask("GET", target, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    await ann.ask("PATCH", target, {"filename": "b"})
    anew = await ann.ask("GET", target, headers={"If-None-Match": first.headers["etag"]})
    assert anew.status == 200


async def test_a_page_that_did_not_change_is_not_sent_again(ann: Caller) -> None:
    file, _ = await ann.file(filename="a"), await ann.begin(10)
    for target in ("/api/v1/files", "/api/v1/uploads"):
        first = await ann.ask("GET", target)
        again = await ann.ask("GET", target, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status, again.body) == (304, b"")
    first = await ann.ask("GET", "/api/v1/files")
    await ann.ask("PATCH", f"/api/v1/files/{file['file_id']}", {"tags": ["new"]})
    anew = await ann.ask("GET", "/api/v1/files", headers={"If-None-Match": first.headers["etag"]})
    assert json.loads(anew.body)["files"][0]["tags"] == ["new"]


async def test_a_path_is_had_once(ann: Caller) -> None:
    await ann.file(path="a/b.txt")
    other = await ann.file(filename="c.txt")
    refused = await ann.ask("PATCH", f"/api/v1/files/{other['file_id']}", {"path": "a/b.txt"})
    assert problem(refused) == (409, "ERR_PATH_TAKEN")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"a":NaN}',
        {"name": "b"},
        {"filename": ""},
        {"filename": "a/b"},
        {"filename": 7},
        {"filename": "x" * 256},
        {"path": "../x"},
        {"path": ""},
        {"tags": "red"},
        {"tags": [""]},
        {"tags": ["a", "a"]},
        {"tags": ["a\nb"]},
        {"tags": [str(number) for number in range(51)]},
    ],
)
async def test_a_body_that_cannot_be_meant_is_refused(ann: Caller, body: Any) -> None:
    target = f"/api/v1/files/{(await ann.file(filename='a'))['file_id']}"
    assert problem(await ann.ask("PATCH", target, body)) == (400, "ERR_INVALID_BODY")


async def test_other_bodies_are_refused_unread(ann: Caller) -> None:
    target = f"/api/v1/files/{(await ann.file(filename='a'))['file_id']}"
    form = await ann.ask("PATCH", target, b"a=b", headers={"Content-Type": "text/plain"})
    assert problem(form) == (415, "ERR_INVALID_CONTENT_TYPE")
    large = await ann.ask("PATCH", target, {"tags": ["x" * 70_000]})
    assert problem(large) == (413, "ERR_BODY_TOO_LARGE")


async def test_versions_are_listed_restored_and_downloaded(ann: Caller) -> None:
    first = await ann.file(b"one", path="docs/a.txt")
    second = await ann.file(b"second", path="docs/a.txt", filetype="text/plain")
    assert first["file_id"] == second["file_id"]
    target = f"/api/v1/files/{first['file_id']}"
    listed = (await ann.get(f"{target}/versions"))["versions"]
    assert [(one["version"], one["file_size"], one["is_current"]) for one in listed] == [
        (2, 6, True),
        (1, 3, False),
    ]
    page = await ann.get(f"{target}/versions", limit=1)
    rest = await ann.get(f"{target}/versions", cursor=page["next"])
    assert [one["version"] for one in rest["versions"]] == [1]
    restored = await ann.ask("POST", f"{target}/versions/1/restore")
    assert (json.loads(restored.body)["version"], restored.status) == (1, 200)
    assert (await ann.ask("GET", f"/file/{first['file_id']}")).body == b"one"
    again = await ann.ask("POST", f"{target}/versions/2/restore", headers={"If-Match": '"1-0"'})
    assert problem(again) == (412, "ERR_PRECONDITION_FAILED")
    for number in ("3", "0", "x", "9" * 30):
        missing = await ann.ask("POST", f"{target}/versions/{number}/restore")
        assert problem(missing) == (404, "ERR_NOT_FOUND")


async def test_a_deleted_file_is_gone_with_its_bytes(ann: Caller) -> None:
    uploads = [await ann.upload(content, path="p") for content in (b"one", b"two")]
    file_id = (await ann.get(f"/api/v1/uploads/{uploads[0]}"))["file_id"]
    target = f"/api/v1/files/{file_id}"
    stale = await ann.ask("DELETE", target, headers={"If-Match": '"1-0000000000000000"'})
    assert problem(stale) == (412, "ERR_PRECONDITION_FAILED")
    assert (await ann.ask("DELETE", target)).status == 204
    assert problem(await ann.ask("DELETE", target)) == (404, "ERR_NOT_FOUND")
    assert problem(await ann.ask("GET", target)) == (404, "ERR_NOT_FOUND")
    assert (await ann.ask("GET", f"/file/{file_id}")).status == 404
    for upload in uploads:
        shown = await ann.get(f"/api/v1/uploads/{upload}")
        assert (shown["state"], shown["status"]) == ("terminated", "failed")
    assert await ann.names() == []


async def test_an_upload_is_watched_without_disturbing_it(ann: Caller, bob: Caller) -> None:
    upload = await ann.begin(10, b"hello", filename="big.bin")
    shown = await ann.get(f"/api/v1/uploads/{upload}")
    assert (shown["offset"], shown["file_size"], shown["progress"]) == (5, 10, 0.5)
    assert (shown["state"], shown["status"], shown["parts_uploaded"]) == ("receiving", "uploading", 0)
    assert [one["upload_id"] for one in (await ann.get("/api/v1/uploads"))["uploads"]] == [upload]
    assert upload not in str(await bob.get("/api/v1/uploads"))
    assert problem(await bob.ask("GET", f"/api/v1/uploads/{upload}")) == (404, "ERR_UPLOAD_NOT_FOUND")
    first = await ann.ask("GET", f"/api/v1/uploads/{upload}")
    again = await ann.ask(
        "GET", f"/api/v1/uploads/{upload}", headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status == 304


async def test_more_tags_than_a_file_can_have_are_not_looked_for(ann: Caller) -> None:
    for count, status in ((50, 200), (51, 400), (2000, 400)):
        query = "&".join(["tag=a"] * count)
        assert (await ann.ask("GET", f"/api/v1/files?{query}")).status == status


async def test_running_uploads_come_in_pages(ann: Caller) -> None:
    begun = [await ann.begin(10, filename=str(number)) for number in range(3)]
    page = await ann.get("/api/v1/uploads", limit=2)
    rest = await ann.get("/api/v1/uploads", cursor=page["next"])
    found = [one["upload_id"] for one in (*page["uploads"], *rest["uploads"])]
    assert (found, rest["next"]) == (begun[::-1], None)


async def test_anonymous_visitors_of_a_public_server_cannot_list_each_others_files(
    tmp_path: Any,
) -> None:
    settings = {"access.auth": "none"}
    async with Server(folder=tmp_path, settings=settings) as public:
        nobody = Caller(server=public, user="x")
        for method, target in (("GET", "/api/v1/files"), ("GET", "/api/v1/uploads")):
            assert problem(await nobody.ask(method, target)) == (403, "ERR_FORBIDDEN")


async def test_anonymous_visitors_of_a_public_server_cannot_replace_each_others_files(tmp_path: Any) -> None:
    """All of them have one name, so each would have what another sent to that path, or under that id."""
    async with Server(folder=tmp_path, settings={"access.auth": "none"}) as public:
        _, file_id = await new_file(public, ())
        for named in (f"file_id {b64encode(file_id.encode()).decode()}", "path YS50eHQ="):
            told = ("Upload-Metadata", f"filename eC50eHQ=,{named}")
            for how in (("Upload-Length", "0"), ("Upload-Concat", f"final;/files/{'0' * 32}")):
                refused = await request(public.address, "POST", "/files/", (TUS, how, told))
                assert refused.status == 403, refused.body
                assert b"anonymous visitors, who all have one name, cannot name a path" in refused.body
        kept = await request(public.address, "GET", f"/file/{file_id}")
        assert (kept.status, kept.body) == (200, b"hello")


async def test_anonymous_visitors_of_a_public_server_hear_only_of_files_that_they_name(tmp_path: Any) -> None:
    async with Server(folder=tmp_path, settings={"access.auth": "none"}) as public:
        _, file_id = await new_file(public, ())
        everything = await ask_for_head(public.address, "GET", "/api/v1/events", ())
        assert (everything.status, everything.header("content-type")) == (403, "application/problem+json")
        named = await ask_for_head(public.address, "GET", f"/api/v1/events?file_id={file_id}", ())
        assert named.status == 200
        url = public.address.url.replace("http", "ws", 1) + "/api/v1/live"
        async with ClientSession() as session, session.ws_connect(url) as socket:
            for wanted, told in (({}, "error"), ({"files": [file_id]}, "subscribed"), ({}, "error")):
                await socket.send_json({"subscribe": wanted})
                assert (await socket.receive_json(timeout=5))["type"] == told
