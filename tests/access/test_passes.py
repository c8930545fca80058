"""Tokens for one upload, tickets, and what a page is told about signing in."""

import asyncio
import json
import sqlite3
import time
from datetime import datetime

import pytest

from tests.harness.server import Server
from tests.harness.wire import Answer, request

from .asking import OFFSET_BYTES, TUS, Headers, ask_for_head, new_upload
from .issuer import bearer, token

OWNER = bearer(token(tenant="acme", scope="upload read"))


async def delegate(server: Server, upload_id: str, /, **wanted: object) -> Answer:
    body = json.dumps(wanted).encode() if wanted else b""
    headers = (OWNER, ("Content-Type", "application/json"))
    return await request(server.address, "POST", f"/api/v1/uploads/{upload_id}/token", headers, body)


async def ask(server: Server, method: str, upload_id: str, text: str, body: bytes = b"") -> int:
    headers = (bearer(text), TUS, OFFSET_BYTES, ("Upload-Offset", "0"))
    return (await request(server.address, method, f"/files/{upload_id}", headers, body)).status


async def test_a_browser_sends_an_upload_that_a_backend_began(guarded: Server) -> None:
    upload_id = await new_upload(guarded, [OWNER])
    said = await delegate(guarded, upload_id)
    made = json.loads(said.body)
    assert (said.status, said.headers["cache-control"]) == (201, "no-store")
    assert (made["upload_id"], made["terminate"]) == (upload_id, False)
    assert await ask(guarded, "HEAD", upload_id, made["token"]) == 200
    assert await ask(guarded, "PATCH", upload_id, made["token"], b"hello") == 204
    # It may neither fetch what it sent, nor delete it, nor begin another.
    assert await ask(guarded, "GET", upload_id, made["token"]) == 403
    assert await ask(guarded, "DELETE", upload_id, made["token"]) == 403
    headers = (bearer(made["token"]), TUS, ("Upload-Length", "5"))
    assert (await request(guarded.address, "POST", "/files/", headers)).status == 403
    # The file is its owner's.
    assert (await request(guarded.address, "GET", f"/files/{upload_id}", (OWNER,))).body == b"hello"


async def test_a_token_may_be_given_the_right_to_delete(guarded: Server) -> None:
    upload_id = await new_upload(guarded, [OWNER])
    made = json.loads((await delegate(guarded, upload_id, terminate=True)).body)
    assert await ask(guarded, "DELETE", upload_id, made["token"]) == 204
    assert await ask(guarded, "HEAD", upload_id, made["token"]) == 410


async def test_a_token_ends_without_a_grace(guarded: Server) -> None:
    upload_id = await new_upload(guarded, [OWNER])
    made = json.loads((await delegate(guarded, upload_id, expires_in=5)).body)
    answers: list[int] = []

    async def until_refused() -> None:
        while 401 not in answers:
            answers.append(await ask(guarded, "HEAD", upload_id, made["token"]))
            await asyncio.sleep(0.05)

    await asyncio.wait_for(until_refused(), 30)
    assert set(answers) == {200, 401}


@pytest.mark.parametrize(
    "wanted",
    [
        {"expires_in": 0},
        {"expires_in": 1e9},
        {"expires_in": "60"},
        {"expires_in": True},
        {"terminate": 1},
        {"upload_id": "0" * 32},
    ],
    ids=str,
)
async def test_a_wish_that_cannot_be_is_refused(guarded: Server, wanted: dict[str, object]) -> None:
    refused = await delegate(guarded, await new_upload(guarded, [OWNER]), **wanted)
    assert refused.status == 400
    assert json.loads(refused.body)["code"] == "ERR_INVALID_BODY"


async def test_a_token_gives_no_other_token_of_its_kind(guarded: Server) -> None:
    upload_id = await new_upload(guarded, [OWNER])
    made = json.loads((await delegate(guarded, upload_id)).body)
    headers = (bearer(made["token"]),)
    target = f"/api/v1/uploads/{upload_id}/token"
    assert (await request(guarded.address, "POST", target, headers)).status == 403


async def test_tokens_of_the_installations_key_end_when_it_is_dropped(guarded: Server) -> None:
    upload_id = await new_upload(guarded, [OWNER])
    made = json.loads((await delegate(guarded, upload_id)).body)
    assert await ask(guarded, "HEAD", upload_id, made["token"]) == 200
    await guarded.terminate()
    with sqlite3.connect(guarded.data / ".tusd" / "tusd.db") as rows:
        rows.execute("DELETE FROM signing_keys")
    await guarded.start()
    assert await ask(guarded, "HEAD", upload_id, made["token"]) == 401


async def test_a_ticket_is_good_only_where_tickets_are_taken(guarded: Server) -> None:
    said = await request(guarded.address, "POST", "/api/v1/ticket", (OWNER,))
    ticket = json.loads(said.body)["ticket"]
    assert said.status == 201
    refused = [
        await request(guarded.address, "GET", f"/api/v1/me?ticket={ticket}"),
        await request(guarded.address, "GET", "/api/v1/me", (bearer(ticket),)),
        await request(guarded.address, "GET", "/api/v1/me", (("X-Api-Key", ticket),)),
    ]
    assert {one.status for one in refused} == {401}
    assert ticket not in guarded.log


async def test_a_page_is_told_how_to_come_in_without_a_secret(guarded: Server) -> None:
    said = await request(guarded.address, "GET", "/api/v1/auth")
    assert json.loads(said.body) == {"required": True, "ways": ["key", "jwt"], "oidc": None}


async def test_a_final_upload_names_only_partials_of_its_owner(guarded: Server) -> None:
    partial = ("Upload-Concat", "partial")
    others = bearer(token(tenant="acme", sub="bob", scope="upload read"))
    admin = bearer(token(tenant="acme", sub="root", scope="upload read admin"))
    own, foreign = await new_upload(guarded, [OWNER, partial]), await new_upload(guarded, [others, partial])
    for who, ids, status in (
        (OWNER, (own,), 201),
        (OWNER, (own, foreign), 404),
        (others, (own,), 404),
        (admin, (own,), 404),
    ):
        final = ("Upload-Concat", "final;" + " ".join(f"/files/{one}" for one in ids))
        assert (await request(guarded.address, "POST", "/files/", (who, TUS, final))).status == status


UPGRADE = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
)


@pytest.mark.parametrize(
    ("target", "headers", "status"), [("/api/v1/events", (), 200), ("/api/v1/live", UPGRADE, 101)]
)
async def test_a_ticket_opens_what_browsers_open_without_headers(
    guarded: Server, target: str, headers: Headers, status: int
) -> None:
    made = json.loads((await request(guarded.address, "POST", "/api/v1/ticket", (OWNER,))).body)
    ticket = made["ticket"]
    opened = await ask_for_head(guarded.address, "GET", f"{target}?ticket={ticket}", headers)
    assert opened.status == status
    refused = [
        await ask_for_head(guarded.address, "GET", target, headers),
        await ask_for_head(guarded.address, "GET", f"{target}?ticket={ticket[:-1]}", headers),
        await ask_for_head(guarded.address, "GET", f"{target}?ticket={ticket}&ticket={ticket}", headers),
        await ask_for_head(guarded.address, "GET", f"{target}?token={ticket}", headers),
        await ask_for_head(guarded.address, "GET", f"{target}?ticket={token(tenant='acme')}", headers),
        await ask_for_head(guarded.address, "GET", f"{target}?ticket={ticket}", (*headers, OWNER)),
    ]
    assert {one.status for one in refused} == {401}
    assert ticket not in guarded.log


async def test_a_ticket_is_short_and_never_outlives_what_proved_it(guarded: Server) -> None:
    soon = bearer(token(tenant="acme", exp=int(time.time()) - 25))  # the leeway is 30 seconds
    for who, most in ((OWNER, 31), (soon, 6)):
        made = json.loads((await request(guarded.address, "POST", "/api/v1/ticket", (who,))).body)
        ends = datetime.fromisoformat(made["expires_at"]).timestamp()
        assert 0 <= ends - time.time() <= most
