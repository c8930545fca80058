"""The shipped proxy files, in the real programs, in front of the real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.harness.checker import check_invariants
from tests.harness.content import Content
from tests.harness.ledger import Tracked
from tests.harness.rows import fetch
from tests.harness.server import Server
from tests.harness.tus import RESUMABLE, Plan, TusClient
from tests.harness.wire import Address, Connection, NoAnswer, head_of, request
from tests.services import proxies

KIB = 1 << 10
MIB = 1 << 20
STEP = 64 * KIB
"""The node makes bytes durable this often, so that the row shows what has arrived."""


@dataclass(frozen=True, slots=True)
class Fronted:
    """A node, and the proxy before it."""

    node: Server
    proxy: Address

    @property
    def client(self) -> TusClient:
        return TusClient(address=self.proxy)

    async def arrived(self, tracked: Tracked, least: int) -> None:
        """Wait until the node has committed so many bytes."""
        async with asyncio.timeout(10):
            while True:
                (row,) = await fetch(self.node, f"SELECT * FROM uploads WHERE id = '{tracked.id}'")
                if row["offset"] >= least:
                    return
                await asyncio.sleep(0.02)


def logged(folder: Path) -> str:
    """By the proxy, and by the node."""
    return "".join(path.read_text(errors="replace") for path in folder.glob("*log*") if path.is_file())


async def test_what_opens_a_file_is_in_no_log(fronted: Fronted, tmp_path: Path) -> None:
    token = "a" * 43
    for target in (f"/s/{token}", f"/s/{token}.{token}", f"/files/?ticket={token}"):
        await request(fronted.proxy, "GET", target)
    said = logged(tmp_path)
    assert "/s/***" in said
    assert token not in said


@pytest.fixture(params=["nginx", "haproxy"])
async def fronted(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fronted]:
    if reason := proxies.missing(request.param):
        pytest.skip(reason)
    settings = {
        "server.trusted_proxies": "127.0.0.1",
        "access.auth": "none",
        "uploads.checkpoint_bytes": f"{STEP}",
        # The stream tells the row how far it is at every step; a thread may take more at once.
        "server.socket_receive": "false",
    }
    node = Server(folder=tmp_path, settings=settings)
    run = {"nginx": proxies.nginx, "haproxy": proxies.haproxy}[request.param]
    async with node:
        with run([node.address], tmp_path) as address:
            yield Fronted(node, address)


async def test_haproxy_takes_no_node_out_because_of_allowed_hosts(tmp_path: Path) -> None:
    if reason := proxies.missing("haproxy"):
        pytest.skip(reason)
    settings = {"access.auth": "none", "server.allowed_hosts": "uploads.example.org"}
    async with Server(folder=tmp_path, settings=settings) as node:
        with proxies.haproxy([node.address], tmp_path) as address:
            async with asyncio.timeout(20):
                while not (checked := proxies.checked_by_haproxy(tmp_path)):
                    await asyncio.sleep(0.1)
            assert checked == "L7OK"
            named = [("Host", "uploads.example.org"), RESUMABLE, ("Upload-Length", "1")]
            assert (await _post(address, named)).startswith("http://uploads.example.org/files/")


async def test_a_websocket_passes_and_tells_what_happens(fronted: Fronted) -> None:
    async with (
        ClientSession() as session,
        session.ws_connect(f"{fronted.proxy.url}/api/v1/live?some=query") as socket,
    ):
        await socket.send_json({"subscribe": {"files": ["0" * 32]}})
        assert (await socket.receive_json(timeout=10))["type"] == "subscribed"
    async with ClientSession() as session, session.get(f"{fronted.proxy.url}/api/v1/live") as answer:
        assert answer.status == 400


async def test_a_body_is_passed_on_while_it_comes(fronted: Fronted) -> None:
    client = fronted.client
    tracked = await client.create(Content(seed=1, length=2 * MIB))
    hanging = await client.patch_hanging(tracked, Plan(start=0, stop=2 * MIB, reach=512 * KIB))
    await fronted.arrived(tracked, 512 * KIB - STEP)
    hanging.let_go()
    await hanging.connection.close()


async def test_a_body_of_many_mebibytes_passes(fronted: Fronted) -> None:
    client = fronted.client
    tracked = await client.create(Content(seed=2, length=24 * MIB))
    assert (await client.patch(tracked, Plan.whole(0, 24 * MIB))).status == 204
    await check_invariants(client.ledger, fronted.node)


async def test_what_arrived_of_a_body_that_was_cut_is_kept(fronted: Fronted) -> None:
    client = fronted.client
    tracked = await client.create(Content(seed=3, length=4 * MIB))
    hanging = await client.patch_hanging(tracked, Plan(start=0, stop=4 * MIB, reach=3 * MIB))
    await fronted.arrived(tracked, 3 * MIB - STEP)
    hanging.let_go()
    await hanging.connection.close()
    assert 3 * MIB - STEP <= await client.offset(tracked) <= 3 * MIB
    await client.finish(tracked, step=MIB)
    await check_invariants(client.ledger, fronted.node)


async def test_location_is_what_the_client_asked_for_and_nothing_that_it_claims(fronted: Fronted) -> None:
    claimed = [
        ("Host", "uploads.example.org"),
        RESUMABLE,
        ("Upload-Length", "1"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-For", "192.0.2.66"),
        ("Forwarded", "host=evil.example;proto=https"),
    ]
    answer = await _post(fronted.proxy, claimed)
    assert answer.startswith("http://uploads.example.org/files/")
    assert "192.0.2.66" not in fronted.node.log
    plain = await _post(fronted.proxy, [("Host", _name(fronted.proxy)), RESUMABLE, ("Upload-Length", "1")])
    assert plain.startswith(f"{fronted.proxy.url}/files/")


async def test_while_no_node_is_there_every_client_is_told_to_wait(fronted: Fronted) -> None:
    client = fronted.client
    tracked = await client.create(Content(seed=4, length=MIB))
    await client.patch(tracked, Plan.whole(0, MIB // 2))
    await fronted.node.kill9()
    head = await client.head(tracked)
    patch = await client.patch(tracked, Plan.whole(MIB // 2, MIB))
    post = await request(fronted.proxy, "POST", "/files/", [RESUMABLE, ("Upload-Length", "1")])
    page = await request(fronted.proxy, "HEAD", "/")
    assert [answer.status for answer in (head, patch, post, page)] == [423, 503, 503, 503]
    assert all(answer.headers["retry-after"] == "1" for answer in (head, patch, post, page))
    assert head.offset is None
    for version, status in (("5", 423), ("6", 423), ("8", 503), ("56", 503), (None, 503)):
        # tus-js-client in its modes of the IETF's draft; other clients of that go on after a 5xx alone.
        said = [] if version is None else [("Upload-Draft-Interop-Version", version)]
        answer = await request(fronted.proxy, "HEAD", "/files/" + "0" * 32, said)
        assert (version, answer.status, answer.headers["retry-after"]) == (version, status, "1")
    await fronted.node.start()
    async with asyncio.timeout(20):
        while (await client.head(tracked)).status != 200:
            await asyncio.sleep(0.1)
    assert tracked.acked == MIB // 2
    await client.finish(tracked, step=MIB)
    await check_invariants(client.ledger, fronted.node)


def _ietf_creation(content: bytes) -> list[bytes]:
    headers = [
        ("Host", "uploads.example.org"),
        ("Upload-Complete", "?1"),
        ("Upload-Draft-Interop-Version", "9"),
        ("Content-Length", str(len(content))),
    ]
    return [head_of("POST", "/files/", headers), content]


async def test_uploads_of_the_ietf_draft_pass_on_one_connection(fronted: Fronted) -> None:
    """By default a node sends no interim response there, which nginx would take for the whole answer."""
    content = Content(seed=6, length=MIB)
    async with await Connection.open(fronted.proxy) as connection:
        for _ in range(2):
            await connection.send(*_ietf_creation(content.read(0, content.length)))
            head = await connection.raw_head()
            assert head.startswith(b"HTTP/1.1 201 ")
    assert (await fetch(fronted.node, "SELECT count(*) AS n FROM uploads WHERE state = 'stored'"))[0][
        "n"
    ] == 2


async def test_interim_responses_pass_haproxy_where_they_are_wanted(tmp_path: Path) -> None:
    if reason := proxies.missing("haproxy"):
        pytest.skip(reason)
    settings = {"access.auth": "none", "server.interim_responses": "always"}
    async with Server(folder=tmp_path, settings=settings) as node:
        with proxies.haproxy([node.address], tmp_path) as address:
            async with await Connection.open(address) as connection:
                await connection.send(*_ietf_creation(bytes(MIB)))
                assert (await connection.raw_head()).startswith(b"HTTP/1.1 104 ")
                assert (await connection.raw_head()).startswith(b"HTTP/1.1 201 ")


async def test_a_node_killed_in_a_body_is_no_reason_to_begin_again(fronted: Fronted) -> None:
    client = fronted.client
    tracked = await client.create(Content(seed=5, length=2 * MIB))
    hanging = await client.patch_hanging(tracked, Plan(start=0, stop=2 * MIB, reach=MIB))
    await fronted.arrived(tracked, MIB - STEP)
    await fronted.node.kill9()
    # haproxy may cut the connection instead, which clients take for what it is.
    with suppress(NoAnswer):
        answer = await hanging.answer()
        assert (answer.status, answer.headers["retry-after"]) in ((503, "1"), (502, "1"))
    await hanging.connection.close()
    assert (await client.head(tracked)).status == 423


def _name(address: Address) -> str:
    return f"{address.host}:{address.port}"


async def _post(address: Address, headers: list[tuple[str, str]]) -> str:
    async with await Connection.open(address) as connection:
        await connection.send(head_of("POST", "/files/", [*headers, ("Connection", "close")]))
        answer = await connection.answer("POST")
    assert answer.status == 201
    return answer.headers["location"]
