"""The IETF draft: what does not make an upload complete, however many of its bytes are here."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from protocol.append import Append
from protocol.body import Body
from protocol.upload import Dialect, Transfer
from tests.harness.checker import fsck
from tests.harness.rows import change, files_of
from tests.harness.server import Server, until
from tests.harness.wire import Answer, Connection, head_of, request
from tusd_py.access.identity import ANONYMOUS
from tusd_py.uploads.append import append
from tusd_py.uploads.receive import Ending

from .house import new_upload
from .test_uploads import Script, content, home

Headers = Sequence[tuple[str, str]]

COMPLETES, GOES_ON = ("Upload-Complete", "?1"), ("Upload-Complete", "?0")
TYPE = ("Content-Type", "application/partial-upload")
CHUNKED = ("Transfer-Encoding", "chunked")
END = b"0\r\n\r\n"


async def begin(server: Server, method: str, target: str, headers: Headers, sent: bytes) -> Connection:
    connection = await Connection.open(server.address)
    host = ("Host", f"{server.address.host}:{server.address.port}")
    await connection.send(head_of(method, target, [host, *headers]), sent)
    return connection


async def ask(server: Server, method: str, target: str, *headers: tuple[str, str], sent: bytes) -> Answer:
    async with await begin(server, method, target, headers, sent) as connection:
        return await connection.answer(method)


async def opened(server: Server, *headers: tuple[str, str]) -> str:
    created = await request(server.address, "POST", "/files/", [GOES_ON, *headers])
    assert created.status == 201
    return urlsplit(created.headers["location"]).path


async def state(server: Server, target: str) -> tuple[int, str | None, str | None]:
    head = await request(server.address, "HEAD", target)
    return head.status, head.headers.get("upload-offset"), head.headers.get("upload-complete")


def appending(offset: int, *, length: int | None = None, body: int | None = None) -> Append:
    """One that calls its body the rest; of unknown size where `body` is None."""
    return Append(
        offset=offset,
        length=length,
        body=Body(expected=body, present=body != 0),
        dialect=Dialect.IETF,
        complete=True,
    )


@pytest.mark.parametrize("length", [None, 2000])
@pytest.mark.parametrize("ending", [Ending.GONE, Ending.INTERRUPTED, Ending.IDLE, Ending.SHUTDOWN])
async def test_a_body_that_breaks_off_behind_the_last_byte_completes_nothing(
    tmp_path: Path, length: int | None, ending: Ending
) -> None:
    """Only its end was missing (draft, 4.4.2). Its client says again that it is all."""
    async with home(tmp_path) as house:
        new = replace(new_upload(length), dialect=Dialect.IETF)
        upload = await house.context.rows.create(new, actor="ann")
        script = Script(b"x" * 2000, ending)
        appended = await append(house.context, ANONYMOUS, upload.id, appending(0), script)
        assert (appended.ending, appended.upload.offset) == (ending, 2000)
        assert appended.upload.state is Transfer.RECEIVING
        said = await append(house.context, ANONYMOUS, upload.id, appending(2000, body=0), Script())
        assert (said.ending, said.upload.state) == (Ending.COMPLETE, Transfer.STORED)
        assert await content(house, upload.id) == b"x" * 2000


async def test_more_bytes_than_their_own_request_names_end_the_upload(shared_server: Server) -> None:
    """A length counts from when it was said, and not only from when something of its body was saved."""
    target = await opened(shared_server)
    headers = (TYPE, GOES_ON, CHUNKED, ("Upload-Offset", "0"), ("Upload-Length", "4"))
    refused = await ask(shared_server, "PATCH", target, *headers, sent=b"5\r\nhello\r\n" + END)
    assert (refused.status, refused.headers["upload-complete"]) == (400, "?0")
    assert (await state(shared_server, target))[0] == 410


async def test_a_creation_that_is_refused_for_its_body_names_no_place(shared_server: Server) -> None:
    headers = (COMPLETES, CHUNKED, ("Upload-Length", "100"))
    refused = await ask(shared_server, "POST", "/files/", *headers, sent=b"5\r\nhello\r\n" + END)
    assert refused.status == 400
    assert "location" not in refused.headers


@pytest.fixture
async def full(server: Server) -> str:
    """The path of an upload that has five bytes of five, of which nobody said that it is all."""
    headers = (GOES_ON, ("Upload-Length", "5"), ("Content-Length", "5"))
    created = await ask(server, "POST", "/files/", *headers, sent=b"hello")
    assert (created.status, created.headers["upload-complete"]) == (201, "?0")
    return urlsplit(created.headers["location"]).path


async def test_nothing_that_looks_after_uploads_takes_all_bytes_for_the_end(
    server: Server, full: str
) -> None:
    assert await fsck(server) == []
    await server.kill9()
    await server.start()
    assert await state(server, full) == (204, "5", "?0")
    assert await fsck(server, "--repair") == []
    said = await ask(
        server, "PATCH", full, TYPE, COMPLETES, ("Upload-Offset", "5"), ("Content-Length", "0"), sent=b""
    )
    assert (said.status, said.headers["upload-complete"]) == (201, "?1")
    assert (await request(server.address, "GET", full)).body == b"hello"


async def test_all_bytes_are_missed_when_they_are_gone_before_the_end_was_said(
    server: Server, full: str
) -> None:
    [path] = files_of(server)
    path.write_bytes(b"hell")
    [found] = await fsck(server, "--repair")
    assert (found["problem"], found["subject"]) == ("bytes-missing", full.rpartition("/")[2])
    assert (await state(server, full))[0] == 410


async def test_all_bytes_expire_where_the_end_is_never_said(server: Server, full: str) -> None:
    await server.stop()
    await change(server, "UPDATE uploads SET expires_at = 1")
    server.settings = {"uploads.reap_interval": "0.01s"}
    await server.start()
    assert (await state(server, full))[0] == 410
    await until(lambda: not list(files_of(server)), "its bytes are gone", within=20.0)
