"""tusd's hooks, by HTTP and by programs, with the real server."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from aiohttp import ClientSession, ClientTimeout, web

from tests.harness.ports import free_port
from tests.harness.server import Server

RESUMABLE = {"Tus-Resumable": "1.0.0"}
BYTES = {**RESUMABLE, "Content-Type": "application/offset+octet-stream"}
ALL = "pre-create,post-create,post-receive,pre-finish,post-finish,pre-terminate,post-terminate"
META = "filename aGVsbG8udHh0,kind dGV4dA=="

Say = Callable[[str, dict[str, Any]], web.Response]


@dataclass
class HookReceiver:
    """Remembers each hook, and says to it what it is told to."""

    say: dict[str, Any] = field(default_factory=dict)
    """JSON by hook; a web.Response is sent as it is, an exception is raised."""
    port: int = field(default_factory=free_port)
    seen: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?token=x"

    def kinds(self) -> list[str]:
        return [one["Type"] for one in self.seen]

    def last(self, kind: str) -> dict[str, Any]:
        """What the last hook of that kind was told of the upload."""
        found: dict[str, Any] = [one for one in self.seen if one["Type"] == kind][-1]["Event"]["Upload"]
        return found

    async def heard(self, kind: str) -> None:
        """Wait for one."""
        async with asyncio.timeout(20):
            while kind not in self.kinds():
                await asyncio.sleep(0.02)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/hooks", self._hook)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *failure: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        said = await request.json()
        self.seen.append(said)
        self.headers.append(dict(request.headers))
        wanted = self.say.get(said["Type"], {})
        if callable(wanted):
            wanted = wanted()
        if isinstance(wanted, web.StreamResponse):
            return wanted
        return web.json_response(wanted)


def settings_for(receiver: HookReceiver) -> dict[str, str]:
    return {
        "hooks.http": receiver.url,
        "hooks.enabled_events": ALL,
        "hooks.http_backoff": "10ms",
        "hooks.http_timeout": "20s",
        "hooks.progress_interval": "100ms",
        "hooks.http_forward_headers": "X-Trace",
        "timeouts.minimum_rate": "0",
    }


@pytest.fixture
async def receiver() -> AsyncIterator[HookReceiver]:
    async with HookReceiver() as running:
        yield running


@pytest.fixture
async def hooked(tmp_path: Path, receiver: HookReceiver) -> AsyncIterator[Server]:
    async with Server(folder=tmp_path, settings=settings_for(receiver)) as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=20)) as session:
        yield session


async def create(client: ClientSession, server: Server, length: int, **headers: str) -> str:
    sent = {**RESUMABLE, "Upload-Length": str(length), "Upload-Metadata": META, **headers}
    async with client.post(server.files_url, headers=sent) as answer:
        assert answer.status == 201, await answer.text()
        return answer.headers["Location"]


async def ask(client: ClientSession, method: str, url: str, body: bytes = b"", **headers: str) -> Any:
    sent = {
        **(BYTES if body else RESUMABLE),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    async with client.request(method, url, headers=sent, data=body or None) as answer:
        await answer.read()
        return answer


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_hooks_are_told_what_tusd_tells(
    hooked: Server, receiver: HookReceiver, client: ClientSession
) -> None:
    url = await create(client, hooked, 10, **{"X-Trace": "t1"})
    await until(lambda: "post-create" in receiver.kinds())
    assert (await ask(client, "PATCH", url, b"hello", Upload_Offset="0")).status == 204
    assert (await ask(client, "PATCH", url, b"world", Upload_Offset="5")).status == 204
    await until(lambda: "post-finish" in receiver.kinds())
    assert (await ask(client, "DELETE", url)).status == 204
    await until(lambda: "post-terminate" in receiver.kinds())
    assert [kind for kind in receiver.kinds() if kind != "post-receive"] == [
        *("pre-create", "post-create", "pre-finish", "post-finish", "pre-terminate", "post-terminate")
    ]
    first = receiver.seen[0]["Event"]
    assert first["Upload"] == {
        "ID": "",
        "Size": 10,
        "SizeIsDeferred": False,
        "Offset": 0,
        "MetaData": {"filename": "hello.txt", "kind": "text"},
        "IsPartial": False,
        "IsFinal": False,
        "PartialUploads": None,
        "Storage": None,
    }
    asked = first["HTTPRequest"]
    assert (asked["Method"], asked["URI"]) == ("POST", "/files/")
    assert asked["RemoteAddr"].startswith("127.0.0.1:")
    assert asked["Header"]["Upload-Length"] == ["10"]
    assert asked["Header"]["Host"] == [f"127.0.0.1:{hooked.address.port}"]
    finishing = next(one for one in receiver.seen if one["Type"] == "pre-finish")["Event"]["Upload"]
    assert (finishing["Size"], finishing["SizeIsDeferred"], finishing["Offset"]) == (10, False, 10)
    finished = next(one for one in receiver.seen if one["Type"] == "post-finish")["Event"]
    assert (finished["Upload"]["ID"], finished["Upload"]["Offset"]) == (url.rpartition("/")[2], 10)
    assert finished["HTTPRequest"]["Method"] == "PATCH"
    storage = finished["Upload"]["Storage"]
    assert storage["Type"] == "filestore"
    assert str(hooked.data) in storage["Path"]
    names = {"Hook-Name", "Idempotency-Key", "X-Trace"}
    assert names <= set(receiver.headers[0])
    assert receiver.headers[0]["X-Trace"] == "t1"


async def test_a_hook_may_refuse_before_anything_is_made_and_say_how(
    hooked: Server, receiver: HookReceiver, client: ClientSession
) -> None:
    receiver.say["pre-create"] = {
        "RejectUpload": True,
        "HTTPResponse": {"StatusCode": 402, "Body": "pay first", "Header": {"X-Plan": "none"}},
    }
    refused = await ask(client, "POST", hooked.files_url, Upload_Length="5")
    assert (refused.status, refused.headers["X-Plan"]) == (402, "none")
    receiver.say["pre-create"] = {"RejectUpload": True}
    refused = await ask(client, "POST", hooked.files_url, Upload_Length="5")
    assert refused.status == 400
    assert await refused.text() == "ERR_UPLOAD_REJECTED: upload rejected by server\n"
    assert "post-create" not in receiver.kinds()


async def test_a_hook_may_describe_an_upload_anew_and_add_to_the_answer(
    hooked: Server, receiver: HookReceiver, client: ClientSession
) -> None:
    receiver.say["pre-create"] = {
        "ChangeFileInfo": {"MetaData": {"filename": "../ünï.txt", "user": "7"}},
        "HTTPResponse": {"Header": {"X-Seen": "yes"}},
    }
    receiver.say["pre-finish"] = {
        "HTTPResponse": {
            "StatusCode": 200,
            "Body": '{"ok": 1}',
            "Header": {"Content-Type": "application/json"},
        }
    }
    made = await ask(client, "POST", hooked.files_url, Upload_Length="5", Upload_Metadata=META)
    assert (made.status, made.headers["X-Seen"]) == (201, "yes")
    done = await ask(client, "PATCH", made.headers["Location"], b"hello", Upload_Offset="0")
    assert (done.status, await done.json(), done.headers["Upload-Offset"]) == (200, {"ok": 1}, "5")
    await until(lambda: "post-finish" in receiver.kinds())
    told = next(one for one in receiver.seen if one["Type"] == "post-finish")["Event"]["Upload"]
    assert told["MetaData"] == {"filename": "../ünï.txt", "user": "7"}
    assert ".." not in told["Storage"]["Path"]


async def test_a_hook_may_refuse_a_complete_upload_and_a_deletion(
    hooked: Server, receiver: HookReceiver, client: ClientSession
) -> None:
    receiver.say["pre-terminate"] = {"RejectTermination": True}
    url = await create(client, hooked, 5)
    refused = await ask(client, "DELETE", url)
    assert refused.status == 400
    assert (await refused.text()).startswith("ERR_UPLOAD_TERMINATION_REJECTED")
    assert (await ask(client, "HEAD", url)).status == 200
    receiver.say["pre-finish"] = {"RejectUpload": True, "HTTPResponse": {"Body": "no"}}
    refused = await ask(client, "PATCH", url, b"hello", Upload_Offset="0")
    assert (refused.status, await refused.text()) == (400, "no")
    assert (await ask(client, "HEAD", url)).status == 410
    assert "post-finish" not in receiver.kinds()


BAD: list[Any] = [
    {"ChangeFileInfo": {"ID": "../../etc/passwd"}},
    {"ChangeFileInfo": {"Storage": {"Path": "/etc/passwd"}}},
    {"ChangeFileInfo": {"MetaData": {"": "x"}}},
    {"ChangeFileInfo": {"MetaData": {"a b": "x"}}},
    {"ChangeFileInfo": {"MetaData": {"a": "x" * 4096}}},
    {"ChangeFileInfo": {"MetaData": {"a": 1}}},
    {"RejectUpload": "yes"},
    {"Reject": True},
    {"HTTPResponse": {"StatusCode": 99}},
    {"HTTPResponse": {"Header": {"X": "a\r\nb"}}},
    {"HTTPResponse": {"Header": {"": "x"}}},
    {"HTTPResponse": {"Header": {"Content-Length": "1"}}},
    {"HTTPResponse": {"Body": "x" * 6000}},
    {"HTTPResponse": {"Body": "\ud800"}},
    {"RejectUpload": True, "HTTPResponse": {"Header": {"X": "\ud800"}}},
    {"ChangeFileInfo": {"MetaData": {"filename": "\ud800"}}},
    ["no object"],
]


async def test_an_answer_that_cannot_be_granted_lets_nothing_through(
    hooked: Server, receiver: HookReceiver, client: ClientSession
) -> None:
    for said in BAD:
        receiver.say["pre-create"] = said
        refused = await ask(client, "POST", hooked.files_url, Upload_Length="5")
        assert refused.status == 500, said
        assert refused.headers["Retry-After"]
        assert "passwd" not in await refused.text()
    assert "post-create" not in receiver.kinds()
    assert "Traceback" not in hooked.log


async def test_a_receiver_that_fails_is_asked_again_and_then_lets_nothing_through(
    hooked: Server, receiver: HookReceiver, client: ClientSession
) -> None:
    answers = [web.Response(status=503), web.Response(status=500), web.json_response({})]
    receiver.say["pre-create"] = lambda: answers.pop(0)
    await create(client, hooked, 5)
    creates = [
        headers
        for said, headers in zip(receiver.seen, receiver.headers, strict=True)
        if said["Type"] == "pre-create"
    ]
    assert len(creates) == 3
    assert len({headers["Idempotency-Key"] for headers in creates}) == 1
    receiver.say["pre-create"] = lambda: web.Response(status=503)
    assert (await ask(client, "POST", hooked.files_url, Upload_Length="5")).status == 500
    receiver.say["pre-create"] = lambda: web.Response(status=404)
    assert (await ask(client, "POST", hooked.files_url, Upload_Length="5")).status == 500
    receiver.say["pre-create"] = lambda: web.Response(status=204)
    await create(client, hooked, 5)


async def test_a_header_that_is_no_text_is_told_as_far_as_it_is(
    hooked: Server, receiver: HookReceiver
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hooked.address.port)
    writer.write(
        b"POST /files/ HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nUpload-Length: 5\r\n"
        b"X-Trace: t\xff1\r\n\r\n"
    )
    async with asyncio.timeout(10):
        assert (await reader.readline()).split()[1] == b"201"
    writer.close()
    assert receiver.headers[0]["X-Trace"] == "t?1"


async def test_a_hook_may_stop_an_upload_while_its_bytes_come(
    hooked: Server, receiver: HookReceiver, client: ClientSession
) -> None:
    receiver.say["post-receive"] = {"StopUpload": True}
    url = await create(client, hooked, 1 << 20)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(1000)
            await asyncio.sleep(0.05)

    headers = {**BYTES, "Upload-Offset": "0", "Content-Length": str(1 << 20)}
    async with client.patch(url, headers=headers, data=body()) as answer:
        assert answer.status in (400, 410)
    assert (await ask(client, "HEAD", url)).status == 410
    told = next(one for one in receiver.seen if one["Type"] == "post-receive")["Event"]["Upload"]
    assert 0 < told["Offset"] < 1 << 20


PROGRAM = """#!/bin/sh
cat > "$TUS_LOG/$(basename "$0").json"
echo "$TUS_ID $TUS_SIZE $TUS_OFFSET" > "$TUS_LOG/$(basename "$0").env"
{rest}
"""


def write_program(folder: Path, name: str, rest: str) -> None:
    path = folder / name
    path.write_text(PROGRAM.format(rest=rest))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


async def test_programs_of_a_folder_are_hooks_too(tmp_path: Path, client: ClientSession) -> None:
    programs = tmp_path / "hooks"
    programs.mkdir()
    write_program(
        programs,
        "pre-create",
        'grep -q forbidden "$TUS_LOG/pre-create.json" && echo \'{"RejectUpload": true}\'\nexit 0',
    )
    write_program(programs, "post-finish", "echo finished >&2")
    settings = {"hooks.dir": str(programs), "hooks.enabled_events": ALL, "hooks.http_timeout": "5s"}
    server = Server(folder=tmp_path, settings=settings, environ={"TUS_LOG": str(tmp_path)})
    async with server:
        url = await create(client, server, 5)
        assert (await ask(client, "PATCH", url, b"hello", Upload_Offset="0")).status == 204
        await until(lambda: "finished" in server.log)
        told = json.loads((tmp_path / "post-finish.json").read_text())
        assert told["Event"]["Upload"]["ID"] == url.rpartition("/")[2]
        assert (tmp_path / "post-finish.env").read_text() == f"{url.rpartition('/')[2]} 5 5\n"
        refused = await ask(client, "POST", server.files_url, Upload_Length="5", Upload_Metadata="forbidden")
        assert refused.status == 400
        write_program(programs, "pre-create", "exit 3")
        assert (await ask(client, "POST", server.files_url, Upload_Length="5")).status == 500
        write_program(programs, "pre-create", "sleep 60")
        assert (await ask(client, "POST", server.files_url, Upload_Length="5")).status == 500
        (programs / "pre-create").unlink()
        await create(client, server, 5)
