"""API keys: the command that makes them, and what they open and when they stop."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.database_process import connect
from tests.harness.server import ROOT, Server
from tests.harness.wire import Connection, head_of, request
from tusd_py.access.api_keys import make_key
from tusd_py.access.identity import Scope
from tusd_py.assemble.keys import create_key
from tusd_py.cli.entry import main
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.metadata.api_keys import ApiKeyRows

from .asking import TUS, new_file, new_upload, who_in
from .issuer import bearer

REVOKED_WITHIN = 1.0
"""Seconds of access.cache here."""


async def make(server: Server, subject: str, **other: Any) -> str:
    """A new key, as `tusd-py key create` makes it, without starting a program."""
    chosen = {"tenant": "", "scopes": frozenset({Scope.UPLOAD, Scope.READ})} | other
    made = make_key(subject=subject, **chosen)
    database = connect("sqlite", str(server.data / ".tusd" / "tusd.db"))
    await database.open()
    try:
        await ApiKeyRows(database).add(made.row, actor="a test")
    finally:
        await database.close()
    return made.text


def command(server: Server, *arguments: str) -> str:
    """What `tusd-py key` prints."""
    done = subprocess.run(
        server.command("key", *arguments), cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers, each with a memory of its own."""
    folder = tmp_path_factory.mktemp("keys")
    settings = {"access.auth": "key", "access.cache": f"{REVOKED_WITHIN}s"}
    running = Server(folder=folder, workers=2, settings=settings)
    asyncio.run(running.start())
    yield running
    asyncio.run(running.stop())


async def status(server: Server, *headers: tuple[str, str]) -> int:
    return (await request(server.address, "GET", "/api/v1/me", headers)).status


async def test_a_key_is_let_in_as_its_subject_by_either_header(keyed: Server) -> None:
    key = await make(keyed, "ann", tenant="acme", scopes=frozenset({Scope.UPLOAD}))
    for header in (bearer(key), ("X-Api-Key", key), ("Authorization", f"bearer  {key}")):
        said = await request(keyed.address, "GET", "/api/v1/me", (header,))
        assert who_in(said) == {"tenant": "acme", "user_id": "ann", "scopes": ["upload"]}
    for other in (key[:-1], key + "A", key.replace("tpk_", "tpk_0"), key.upper(), f"{key[:30]}{'A' * 34}"):
        assert await status(keyed, bearer(other)) == 401


async def test_no_body_is_looked_at_for_whoever_has_no_key(keyed: Server) -> None:
    """Its type is wrong only if it has bytes; none of them is there yet."""
    headers = [("Host", "localhost"), TUS, ("Upload-Length", "1"), ("Content-Type", "text/plain")]
    async with await Connection.open(keyed.address) as connection:
        await connection.send(head_of("POST", "/files/", [*headers, ("Transfer-Encoding", "chunked")]))
        assert (await connection.answer("POST")).status == 401


async def test_two_keys_of_one_subject_share_its_uploads(keyed: Server) -> None:
    keys = [await make(keyed, "team") for _ in range(2)]
    upload_id = await new_upload(keyed, [bearer(keys[0])])
    for key in keys:
        said = await request(keyed.address, "HEAD", f"/files/{upload_id}", (bearer(key), TUS))
        assert said.status == 200


async def test_a_key_that_the_command_made_is_good_until_it_revokes_it(keyed: Server) -> None:
    """And then for no longer than is promised, in every worker."""
    made = json.loads(command(keyed, "create", "--subject", "a/b ü", "--note", "a note", "--json"))
    key = made["key"]
    assert {await status(keyed, bearer(key)) for _ in range(20)} == {200}
    await new_file(keyed, [bearer(key)])
    assert list((keyed.data / "a%2Fb%20%C3%BC").rglob("*")), "the subject is one folder, escaped"
    assert made["id"].encode() in _database(keyed)
    assert key.split("_", 2)[2].encode() not in _database(keyed)

    revoking = asyncio.create_task(asyncio.to_thread(command, keyed, "revoke", key))
    revoked_at: float | None = None
    last_let_in = 0.0
    while revoked_at is None or time.monotonic() - revoked_at < 2 * REVOKED_WITHIN:
        # It was let in after it asked, and revoked before we heard of that.
        asked_at = time.monotonic()
        if await status(keyed, bearer(key)) == 200:
            last_let_in = asked_at
        if revoked_at is None and revoking.done():
            revoked_at = time.monotonic()
    assert "revoked" in await revoking
    assert last_let_in - revoked_at < REVOKED_WITHIN
    listed = [json.loads(line) for line in command(keyed, "list", "--json").splitlines()]
    (of_key,) = (one for one in listed if one["id"] == made["id"])
    assert (of_key["state"], of_key["note"], of_key["subject"]) == ("revoked", "a note", "a/b ü")
    assert of_key["used_at"] is not None


def _database(server: Server) -> bytes:
    return b"".join(path.read_bytes() for path in (server.data / ".tusd").glob("tusd.db*"))


async def test_an_expired_key_goes_on_with_its_uploads_and_begins_none(keyed: Server) -> None:
    key = await make(keyed, "late", life=5.0)
    upload_id = await new_upload(keyed, [bearer(key)])
    answers: list[int] = []

    async def ask() -> None:
        while 401 not in answers:
            answers.append(await status(keyed, bearer(key)))
            await asyncio.sleep(0.05)

    await asyncio.wait_for(ask(), 20)
    body = (bearer(key), TUS, ("Content-Type", "application/offset+octet-stream"), ("Upload-Offset", "0"))
    upload = f"/files/{upload_id}"
    assert (await request(keyed.address, "HEAD", upload, (bearer(key), TUS))).status == 200
    assert (await request(keyed.address, "PATCH", upload, body, b"hello")).status == 204
    for method, target in (("POST", "/files/"), ("GET", upload), ("DELETE", upload)):
        said = await request(keyed.address, method, target, (bearer(key), TUS, ("Upload-Length", "5")))
        assert (method, said.status) == (method, 401)


@pytest.mark.parametrize(
    "arguments",
    [
        ("create",),
        ("create", "--subject", "a", "--scopes", "root"),
        ("create", "--subject", "a", "--expires", "soon"),
        ("create", "--subject", "a", "--expires", "0"),
        ("create", "--subject", "a", "an-id"),
        ("revoke",),
        ("list", "0123456789abcdef"),
        ("destroy",),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["key", *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    "other",
    [
        {"subject": ""},
        {"subject": "x" * 81},
        {"subject": "a\tb"},
        {"tenant": "b/c"},
        {"tenant": "\n"},
        {"note": "x" * 201},
        {"note": "a\nb"},
    ],
    ids=str,
)
def test_names_that_cannot_be_are_refused(other: dict[str, str]) -> None:
    chosen: dict[str, Any] = {"tenant": "", "subject": "a", "note": ""} | other
    with pytest.raises(Refused):
        create_key(Settings(), scopes=("read",), life=None, as_json=False, **chosen)
