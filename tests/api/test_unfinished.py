"""Uploads in parts among those that are not finished: what takes up a quota can be seen, and ended."""

import json
import secrets
from typing import Any

import pytest

from tests.access.issuer import bearer, token
from tests.harness.multipart import Multipart, begin
from tests.harness.server import Server

from .caller import Caller, problem


@pytest.fixture
def ann(guarded: Server) -> Caller:
    """Somebody new, whose list is empty."""
    return Caller(server=guarded, user=f"ann{secrets.token_hex(4)}")


async def begun(by: Caller, **wanted: object) -> Multipart:
    who = bearer(token(sub=by.user, tenant=by.tenant, scope=by.scope))
    return await begin(by.server.address, headers=(who,), **wanted)


async def listed(by: Caller, **query: Any) -> list[str]:
    return [one["upload_id"] for one in (await by.get("/api/v1/uploads", **query))["uploads"]]


async def test_an_upload_in_parts_is_listed_until_it_is_complete(ann: Caller) -> None:
    multipart = await begun(ann, filename="a.txt", filetype="text/plain", file_size=100)
    shown = await ann.get(f"/api/v1/uploads/{multipart.id}")
    assert (await ann.get("/api/v1/uploads"))["uploads"] == [shown]
    assert (shown["kind"], shown["state"], shown["status"]) == ("parts", "created", "uploading")
    assert (shown["user_id"], shown["filename"], shown["declared_type"]) == (ann.user, "a.txt", "text/plain")
    assert (shown["file_size"], shown["offset"], shown["progress"], shown["parts_uploaded"]) == (100, 0, 0, 0)
    assert shown["updated_at"] == shown["created_at"] == multipart.said["created_at"]
    for number, size, offset, progress in (
        (1, 20, 20, 0.2),
        (4, 30, 50, 0.5),
        (1, 60, 90, 0.9),
        (2, 60, 150, 1),
    ):
        await multipart.send(number, b"x" * size)
        shown = await ann.get(f"/api/v1/uploads/{multipart.id}")
        assert (shown["state"], shown["offset"], shown["progress"]) == ("receiving", offset, progress)
    assert shown["parts_uploaded"] == 3
    assert shown["updated_at"] > shown["created_at"]
    etags = {number: etag for number, _, etag in await multipart.parts()}
    done = await multipart.complete({1: etags[1], 4: etags[4]})
    assert (done.status, json.loads(done.body)["code"]) == (400, "ERR_INVALID_PART")
    await multipart.send(4, b"x" * 40)
    etags = {number: etag for number, _, etag in await multipart.parts()}
    assert (await multipart.complete({1: etags[1], 4: etags[4]})).status == 200
    assert await listed(ann) == []
    shown = await ann.get(f"/api/v1/uploads/{multipart.id}")
    assert (shown["kind"], shown["state"], shown["file_size"]) == ("final", "stored", 100)


async def test_an_admin_sees_and_ends_what_takes_up_anothers_quota(ann: Caller, guarded: Server) -> None:
    bob = Caller(server=guarded, user="bob")
    admin = Caller(server=guarded, user="root", scope="admin")
    multipart = await begun(ann)
    await multipart.send(1, b"x")
    assert multipart.id not in await listed(bob)
    assert problem(await bob.ask("GET", f"/api/v1/uploads/{multipart.id}")) == (404, "ERR_UPLOAD_NOT_FOUND")
    assert problem(await bob.ask("DELETE", f"/upload/{multipart.id}")) == (404, "ERR_UPLOAD_NOT_FOUND")
    stranger = Caller(server=guarded, user="root", scope="admin", tenant="another")
    assert multipart.id not in await listed(stranger)
    assert await listed(admin, user_id=ann.user) == [multipart.id]
    assert (await admin.ask("DELETE", f"/upload/{multipart.id}")).status == 204
    assert await listed(admin, user_id=ann.user) == []
    assert problem(await ann.ask("GET", f"/api/v1/uploads/{multipart.id}")) == (404, "ERR_UPLOAD_NOT_FOUND")


async def test_both_kinds_come_in_the_same_pages(ann: Caller) -> None:
    made = []
    for number in range(3):
        made += [await ann.begin(10, filename=str(number)), (await begun(ann, filename=str(number))).id]
    found: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = await ann.get("/api/v1/uploads", **query)
        found += [one["upload_id"] for one in page["uploads"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert found == made[::-1]
