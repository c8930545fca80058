"""Events from the real program: webhooks, the live feed, the audit log, and commands about them."""

import asyncio
import json
import re
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout, WSMsgType, WSServerHandshakeError

from tests.harness.receiver import SECRET, How, Receiver
from tests.harness.server import Server

RESUMABLE = {"Tus-Resumable": "1.0.0"}
PATIENCE = ClientTimeout(total=20)


def webhook_settings(receiver: Receiver) -> dict[str, str]:
    endpoints = [{"name": "test", "url": receiver.url, "secret": SECRET}]
    return {
        "webhooks.endpoints": json.dumps(endpoints),
        "webhooks.allow_networks": "127.0.0.0/8",
        "webhooks.attempts": "1",
        "events.look_interval": "50ms",
    }


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=PATIENCE) as session:
        yield session


async def upload(client: ClientSession, server: Server, content: bytes = b"hello") -> str:
    """The id of a whole upload."""
    headers = {
        **RESUMABLE,
        "Upload-Length": str(len(content)),
        "Content-Type": "application/offset+octet-stream",
    }
    async with client.post(server.files_url, headers=headers, data=content) as answer:
        assert answer.status == 201
        return answer.headers["Location"].rpartition("/")[2]


async def create(client: ClientSession, server: Server, length: int) -> str:
    async with client.post(server.files_url, headers={**RESUMABLE, "Upload-Length": str(length)}) as answer:
        assert answer.status == 201
        return answer.headers["Location"].rpartition("/")[2]


async def run(server: Server, verb: str, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *server.command(verb, *arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    return process.returncode or 0, (out + err).decode()


async def until(condition: Any, within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


async def test_uploads_are_told_to_an_endpoint_that_proves_the_signature(
    tmp_path: Path, client: ClientSession
) -> None:
    async with Receiver() as receiver:
        async with Server(folder=tmp_path, workers=2, settings=webhook_settings(receiver)) as server:
            made = [await upload(client, server) for _ in range(10)]
            await until(lambda: len(receiver.ids()) == 20)
        assert receiver.out_of_order([(one, kind) for one in made for kind in KINDS]) == []
        assert receiver.forged == 0
        assert len(set(receiver.ids())) == 20
        said = json.loads(receiver.taken[-1].body)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", said["timestamp"])
        assert said["data"]["user_id"] == "anonymous"
        assert said["data"]["length"] == 5
        assert SECRET not in server.log


KINDS = ("upload.created", "upload.stored")


async def test_what_was_given_up_is_listed_and_sent_again(tmp_path: Path, client: ClientSession) -> None:
    async with Receiver(choose=lambda _: How.FAIL) as receiver:  # noqa: SIM117 - one after the other
        async with Server(folder=tmp_path, settings=webhook_settings(receiver)) as server:
            await upload(client, server)
            listed: dict[str, Any] = {}

            async def dead() -> int:
                nonlocal listed
                async with client.get(f"{server.address.url}/api/v1/admin/webhooks?state=dead") as answer:
                    listed = await answer.json()
                return len(listed["deliveries"])

            async with asyncio.timeout(20):
                while await dead() < 2:
                    await asyncio.sleep(0.05)
            assert listed["relays"][0]["name"] == "webhook:test"
            assert listed["relays"][0]["dead"] == 2
            first, second = (one["delivery_id"] for one in listed["deliveries"])
            receiver.choose = lambda _: How.TAKE
            again = f"{server.address.url}/api/v1/admin/webhooks/{first}/redeliver"
            async with client.post(again) as answer:
                assert answer.status == 202
            await until(lambda: len(receiver.ids()) == 1)
            async with client.post(again) as answer:
                assert answer.status == 404
            code, said = await run(server, "webhooks", "ls")
            assert code == 0, said
            assert "webhook:test" in said
            assert "answered 500" in said
            code, said = await run(server, "webhooks", "redeliver", second)
            assert (code, said) == (0, f"{second}: it will be sent\n")
            await until(lambda: len(receiver.ids()) == 2)
            code, said = await run(server, "webhooks", "redeliver", second)
            assert code == 1


@pytest.fixture(scope="module")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    running = Server(
        folder=tmp_path_factory.mktemp("live"),
        workers=2,
        settings={"events.look_interval": "50ms", "live.listeners_per_user": "4"},
    )
    asyncio.run(running.start())
    yield running
    asyncio.run(running.stop())


class Stream:
    """Server-sent events, read."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def next(self, kind: str = "event") -> tuple[str, dict[str, Any]]:
        """The next of a kind: its cursor and what it says."""
        cursor = name = ""
        while True:
            line = (await self._line()).rstrip("\n")
            field, _, value = line.partition(": ")
            if field == "id":
                cursor = value
            elif field == "event":
                name = value
            elif field == "data" and name == kind:
                return cursor, json.loads(value)

    async def cursor(self) -> str:
        cursor, said = await self.next("cursor")
        assert said == {"cursor": cursor}
        return cursor

    async def _line(self) -> str:
        line: bytes = await self._answer.content.readline()
        assert line, "the stream ended"
        return line.decode()


async def test_a_stream_tells_what_happens_and_goes_on_where_it_was(
    live_server: Server, client: ClientSession
) -> None:
    url = f"{live_server.address.url}/api/v1/events"
    async with client.get(url) as answer:
        assert answer.content_type == "text/event-stream"
        stream = Stream(answer)
        await stream.cursor()
        made = await upload(client, live_server)
        cursor, created = await stream.next()
        assert (created["type"], created["data"]["upload_id"]) == ("upload.created", made)
        _, stored = await stream.next()
        assert (stored["type"], stored["data"]["upload_id"]) == ("upload.stored", made)
    later = await upload(client, live_server)
    async with client.get(url, headers={"Last-Event-ID": cursor}) as answer:
        stream = Stream(answer)
        told = [(await stream.next())[1] for _ in range(3)]
    assert [(one["type"], one["data"]["upload_id"]) for one in told] == [
        ("upload.stored", made),
        ("upload.created", later),
        ("upload.stored", later),
    ]
    file_id = stored["data"]["file_id"]
    async with client.get(url, params={"after": "0.0", "file_id": file_id}) as answer:
        stream = Stream(answer)
        told = [(await stream.next())[1] for _ in range(2)]
        assert {one["data"]["file_id"] for one in told} == {file_id}


async def test_what_came_between_the_first_word_of_a_stream_and_its_end_is_not_lost(
    live_server: Server, client: ClientSession
) -> None:
    url = f"{live_server.address.url}/api/v1/events"
    async with client.get(url) as answer:
        cursor = await Stream(answer).cursor()
    made = await upload(client, live_server)
    async with client.get(url, headers={"Last-Event-ID": cursor}) as answer:
        _, created = await Stream(answer).next()
    assert (created["type"], created["data"]["upload_id"]) == ("upload.created", made)


@pytest.mark.parametrize("query", ["after=x", "file_id=..", "after=1.2.3"])
async def test_a_bad_query_of_a_stream_is_refused(
    live_server: Server, client: ClientSession, query: str
) -> None:
    async with client.get(f"{live_server.address.url}/api/v1/events?{query}") as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "ERR_INVALID_QUERY")


async def test_a_websocket_tells_events_and_progress_and_changes_its_mind(
    live_server: Server, client: ClientSession
) -> None:
    async with client.ws_connect(f"{live_server.address.url}/api/v1/live") as socket:
        await socket.send_json({"subscribe": {"progress": True}})
        assert (await socket.receive_json())["type"] == "subscribed"
        size = 40 << 20
        made = await create(client, live_server, size)
        created = await _until_told(socket, "event")
        assert created["event"]["data"]["upload_id"] == made
        slow = asyncio.create_task(_patch_slowly(client, live_server, made, size))
        offsets: list[int] = []
        while not offsets or offsets[-1] < 16 << 20:
            said = await _until_told(socket, "progress")
            assert said["upload_id"] == made
            offsets.append(said["offset"])
        assert offsets == sorted(offsets)
        await slow
        await socket.send_json({"subscribe": {"files": ["0" * 32]}})
        await _until_told(socket, "subscribed")
        await upload(client, live_server)
        await socket.send_json({"subscribe": {"after": created["cursor"]}})
        await _until_told(socket, "subscribed")
        assert (await _until_told(socket, "event"))["event"]["data"]["upload_id"] == made
        for bad in (
            "x",
            "[]",
            '{"subscribe": 1}',
            '{"subscribe": {"files": ["x"]}}',
            '{"subscribe": {"after": "x"}}',
        ):
            await socket.send_str(bad)
            assert (await _until_told(socket, "error"))["detail"]


async def _patch_slowly(client: ClientSession, server: Server, upload_id: str, size: int) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(size >> 20):
            yield bytes(1 << 20)
            await asyncio.sleep(0.05)

    headers = {
        **RESUMABLE,
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(size),
    }
    async with client.patch(server.files_url + upload_id, headers=headers, data=body()) as answer:
        assert answer.status == 204


async def _until_told(socket: Any, kind: str) -> dict[str, Any]:
    while True:
        said: dict[str, Any] = await socket.receive_json(timeout=20)
        if said["type"] == kind:
            return said


async def test_a_page_of_another_site_opens_no_websocket(live_server: Server, client: ClientSession) -> None:
    url = f"{live_server.address.url}/api/v1/live"
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        async with client.get(
            url,
            headers={
                "Origin": origin,
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            },
        ) as answer:
            assert answer.status == 403
    async with client.ws_connect(url, origin=live_server.address.url) as socket:
        await socket.send_json({"subscribe": {}})
        assert (await socket.receive_json())["type"] == "subscribed"


async def test_one_user_does_not_take_all_the_room(tmp_path: Path, client: ClientSession) -> None:
    settings = {"live.listeners_per_user": "2", "timeouts.shutdown": "60s"}
    async with Server(folder=tmp_path, settings=settings) as server:
        url = f"{server.address.url}/api/v1/events"
        async with client.get(url) as first, client.get(url) as second:
            await Stream(first).cursor()
            await Stream(second).cursor()
            async with client.get(url) as third:
                assert third.status == 429
                assert third.headers["Retry-After"]
        async with asyncio.timeout(10):
            while not await _is_let_in(client, url):
                await asyncio.sleep(0.05)
        # A WebSocket takes room from the start, though it never says what it wants to hear.
        live = f"{server.address.url}/api/v1/live"
        async with client.ws_connect(live) as silent, client.ws_connect(live):
            with pytest.raises(WSServerHandshakeError) as refused:
                await client.ws_connect(live)
            assert refused.value.status == 429
            await silent.send_json({"subscribe": {}})
            assert (await silent.receive_json())["type"] == "subscribed"
        async with asyncio.timeout(10):
            while not await _is_let_in(client, url):
                await asyncio.sleep(0.05)
        # Whoever listens when the server stops is told so, and it does not wait for them.
        async with (
            client.get(url) as answer,
            client.ws_connect(f"{server.address.url}/api/v1/live") as socket,
        ):
            await Stream(answer).cursor()
            code, seconds = await server.terminate()
            assert (code, seconds < 20) == (0, True)
            assert (await socket.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)


async def test_whoever_takes_nothing_does_not_hold_up_the_end(tmp_path: Path, client: ClientSession) -> None:
    async with Server(folder=tmp_path, settings={"timeouts.shutdown": "60s"}) as server:
        await upload(client, server)
        with closing(sqlite3.connect(server.data / ".tusd" / "tusd.db")) as database, database:
            database.execute(_COPY_OF_AN_EVENT, (20_000,))
        with closing(socket.socket()) as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.connect(("127.0.0.1", server.address.port))
            stalled.sendall(_SUBSCRIBE)
            waiting = [-1, 0]
            while waiting[-1] != waiting[-2] or not waiting[-1]:
                await asyncio.sleep(0.5)
                waiting.append(_unsent(server.address.port, stalled.getsockname()[1]))
            code, seconds = await server.terminate()
            # Left to itself, it would have half a minute.
            assert (code, seconds < 20) == (0, True)


def _unsent(port: int, to_port: int) -> int:
    """Bytes that the kernel holds for a reader of the server (proc(5), /proc/net/tcp)."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if (local[-5:], remote[-5:]) == (f":{port:04X}", f":{to_port:04X}"):
            return int(queues.partition(":")[0], 16)
    return 0


_COPY_OF_AN_EVENT = """
    WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < ?)
    INSERT INTO events (created_at, subject, kind, actor, tenant, owner, file_id, data)
    SELECT created_at, subject, kind, actor, tenant, owner, file_id, data
    FROM copies, (SELECT * FROM events LIMIT 1)
"""
_ALL = b'{"subscribe": {"after": "0.0"}}'
_SUBSCRIBE = (
    b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    # A text in one frame, masked with zeros.
    + bytes((0x81, 0x80 | len(_ALL), 0, 0, 0, 0))
    + _ALL
)


async def _is_let_in(client: ClientSession, url: str) -> bool:
    async with client.get(url) as answer:
        return answer.status == 200


async def test_a_relay_with_an_impossible_name_is_refused(live_server: Server, client: ClientSession) -> None:
    async with client.get(f"{live_server.address.url}/api/v1/admin/webhooks?relay=%00") as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "ERR_INVALID_QUERY")


async def test_the_head_of_the_log_as_lines_has_no_body(live_server: Server, client: ClientSession) -> None:
    await upload(client, live_server)
    reader, writer = await asyncio.open_connection("127.0.0.1", live_server.address.port)
    for target in ("/api/v1/admin/events", "/api/v1/admin/events?cursor=x"):
        writer.write(
            f"HEAD {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/jsonl\r\n\r\n".encode()
        )
    writer.write(b"HEAD /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    answered = (await reader.read()).split(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert [head.partition(b"\r\n")[0] for head in answered] == [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 400 Bad Request",
        b"HTTP/1.1 200 OK",
        b"",
    ]
    assert b"Content-Type: application/jsonl" in answered[0]


async def test_the_log_is_found_by_who_did_what_and_when(live_server: Server, client: ClientSession) -> None:
    url = f"{live_server.address.url}/api/v1/admin/events"
    made = await upload(client, live_server)

    async def found(**query: str) -> Any:
        async with client.get(url, params=query) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    mine = (await found(subject=made))["events"]
    assert [one["type"] for one in mine] == list(KINDS)
    assert (await found(subject=made, kind="upload.st*"))["events"] == mine[1:]
    assert (await found(subject=made, actor="anonymous"))["events"] == mine
    assert (await found(subject=made, actor="ann"))["events"] == []
    assert (await found(subject=made, to=mine[1]["timestamp"]))["events"] == mine[:1]
    assert (await found(subject=made, **{"from": mine[1]["timestamp"]}))["events"] == mine[1:]
    assert (await found(order="newest", limit="2"))["events"][0]["id"] == mine[1]["id"]
    paged: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = await found(limit="3", **({"cursor": cursor} if cursor else {}))
        paged, cursor = paged + page["events"], page["next"]
    async with client.get(url, headers={"Accept": "application/jsonl"}) as answer:
        lines = [json.loads(line) for line in (await answer.text()).splitlines()]
    assert lines == paged
    for query in ("limit=0", "from=x", "cursor=x", "order=x", "limit=1e3"):
        async with client.get(f"{url}?{query}") as answer:
            assert answer.status == 400
    async with client.get(url, headers={"Via": "1.1 proxy"}) as answer:
        assert answer.status == 403  # not the admin


async def test_the_log_is_printed_and_followed_by_a_command(
    live_server: Server, client: ClientSession
) -> None:
    made = await upload(client, live_server)
    code, said = await run(live_server, "events", "tail", "--json", "--subject", made)
    assert code == 0, said
    lines = [json.loads(line) for line in said.splitlines()]
    assert [one["type"] for one in lines] == list(KINDS)
    code, said = await run(live_server, "events", "export", "--kind", "upload.stored")
    assert code == 0
    assert made in said
    assert all(json.loads(line)["type"] == "upload.stored" for line in said.splitlines())
    process = await asyncio.create_subprocess_exec(
        *live_server.command("events", "tail", "--follow", "--json", "--after", lines[-1]["cursor"]),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        later = await upload(client, live_server)
        async with asyncio.timeout(20):
            while later not in (line := (await process.stdout.readline()).decode()):
                assert line
    finally:
        process.terminate()
        await process.wait()
