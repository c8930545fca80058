"""Requests of somebody, and what is read of the answer: its head, so that streams can be asked, too.

Belongs here: one request as somebody, things to ask about. Not here: what is expected (test_*.py).
"""

import asyncio
import contextlib
import json
import sqlite3
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from tests.harness.server import Server
from tests.harness.wire import Address, Answer, head_of, request

ANSWER_WITHIN = 20.0
TUS = ("Tus-Resumable", "1.0.0")
OFFSET_BYTES = ("Content-Type", "application/offset+octet-stream")

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The beginning of an answer."""

    status: int
    text: str
    was_invited: bool
    """100 Continue came first: the body was asked for."""

    def header(self, name: str) -> str:
        """Empty where there is none."""
        for line in self.text.split("\r\n")[1:]:
            if line.lower().startswith(f"{name.lower()}:"):
                return line.partition(":")[2].strip()
        return ""


async def ask_for_head(address: Address, method: str, target: str, headers: Headers) -> Head:
    """Ask, and hang up as soon as the head of the final answer is there."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(head_of(method, target, (("Host", f"{address.host}:{address.port}"), *headers)))
        async with asyncio.timeout(ANSWER_WITHIN):
            text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            was_invited = text.startswith("HTTP/1.1 100 ")
            if was_invited:
                writer.write(b"{}")
                text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        return Head(status=int(text.split(" ", 2)[1]), text=text, was_invited=was_invited)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def who_in(answer: Answer) -> dict[str, object]:
    """What /api/v1/me says of who asked; it says more."""
    assert answer.status == 200, answer.body
    said = json.loads(answer.body)
    return {name: said[name] for name in ("tenant", "user_id", "scopes")}


async def new_upload(server: Server, as_somebody: Iterable[tuple[str, str]], length: int = 5) -> str:
    """The id of an upload without a byte."""
    made = await request(
        server.address, "POST", "/files/", (*as_somebody, TUS, ("Upload-Length", str(length)))
    )
    assert made.status == 201, made.body
    return made.headers["location"].rpartition("/")[2]


async def new_file(
    server: Server, as_somebody: Iterable[tuple[str, str]], content: bytes = b"hello"
) -> tuple[str, str]:
    """(upload id, file id) of a finished one."""
    name = b64encode(b"a.txt").decode()
    made = await request(
        server.address,
        "POST",
        "/files/",
        (
            *as_somebody,
            *(TUS, OFFSET_BYTES),
            ("Upload-Length", str(len(content))),
            ("Upload-Metadata", f"filename {name}"),
        ),
        content,
    )
    assert made.status == 201, made.body
    upload_id = made.headers["location"].rpartition("/")[2]
    return upload_id, file_id_of(server, upload_id)


async def new_link(server: Server, as_somebody: Iterable[tuple[str, str]], file_id: str) -> str:
    """The id of a share link."""
    made = await request(
        server.address,
        "POST",
        f"/api/v1/files/{file_id}/links",
        (*as_somebody, ("Content-Type", "application/json")),
        b"{}",
    )
    assert made.status == 201, made.body
    return str(json.loads(made.body)["link_id"])


async def new_multipart(server: Server, as_somebody: Iterable[tuple[str, str]]) -> str:
    """The id of an upload in parts, of which none came."""
    json_type = ("Content-Type", "application/json")
    made = await request(server.address, "POST", "/upload/initiate", (*as_somebody, json_type), b"{}")
    assert made.status == 201, made.body
    return str(json.loads(made.body)["upload_id"])


def file_id_of(server: Server, upload_id: str) -> str:
    """From the row: clients of tus are not told."""
    with contextlib.closing(sqlite3.connect(server.data / ".tusd" / "tusd.db")) as rows:
        found = rows.execute("SELECT file_id FROM uploads WHERE id = ?", (upload_id,)).fetchone()
    return str(found[0])
