"""Requests in the bodies of others: the server and the proxy before it count the same ones."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.harness.server import Server
from tests.harness.smuggling import Smuggled, smuggled
from tests.harness.wire import Address, Connection, request
from tests.services import proxies

AT_ONCE = 10
QUIET = 1.0
"""Seconds without another answer, after which none is waited for."""
LEGITIMATE = frozenset(
    f"{field!r} alone"
    for field in (
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: CHUNKED",
        "Transfer-Encoding:chunked",
        "Transfer-Encoding:\tchunked",
        # Refused, but their end is where RFC 9112, 6.3, has it, as the last coding is chunked.
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: gzip, chunked",
    )
)
"""One request behind the certain end of another: pipelining."""


@pytest.fixture(params=["direct", "nginx", "haproxy"])
async def reached(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Server, Address]]:
    """The server, and where clients reach it."""
    if request.param != "direct" and (reason := proxies.missing(request.param)):
        pytest.skip(reason)
    settings = {"server.trusted_proxies": "127.0.0.1", "access.auth": "none"}
    async with Server(folder=tmp_path, settings=settings) as server:
        if request.param == "direct":
            yield server, server.address
            return
        run = {"nginx": proxies.nginx, "haproxy": proxies.haproxy}[request.param]
        with run([server.address], tmp_path) as address:
            yield server, address


async def answered(address: Address, message: Smuggled) -> tuple[list[int], set[str]]:
    """The statuses that come back on its connection, and the requests that they say they answer."""
    statuses: list[int] = []
    names: set[str] = set()
    async with await Connection.open(address) as connection:
        with suppress(ConnectionError, TimeoutError):
            await connection.send(message.raw)
            while True:
                async with asyncio.timeout(QUIET + 4 * (not statuses)):
                    answer = await connection.answer()
                statuses.append(answer.status)
                names.add(answer.headers.get("x-request-id", ""))
    return statuses, names & {message.first, message.hidden}


async def test_no_request_is_smuggled(reached: tuple[Server, Address]) -> None:
    server, address = reached
    tag = secrets.token_hex(4)
    messages = list(smuggled(f"{address.host}:{address.port}", tag))
    assert len(messages) >= 60
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(message: Smuggled) -> tuple[list[int], set[str]]:
        async with gate:
            return await answered(address, message)

    told = await asyncio.gather(*(one(message) for message in messages))
    served = served_by(server, tag)
    wrong = []
    for message, (statuses, names) in zip(messages, told, strict=True):
        seen = served & {message.first, message.hidden}
        # What the server took for a request was one for the proxy too, and answered to whoever sent it.
        if not seen <= names:
            wrong.append(f"{message.name}: {sorted(seen)} served, {sorted(names)} answered, {statuses}")
        is_direct = address == server.address
        if is_direct and message.hidden in seen and message.name not in LEGITIMATE:
            wrong.append(f"{message.name}: what is behind it was served, {statuses}")
        if any(status >= 500 and status not in {501, 505} for status in statuses):
            wrong.append(f"{message.name}: {statuses}")
    assert wrong == [], "\n".join(wrong)
    # Nobody else gets an answer that was left over.
    for number in range(20):
        name = f"{tag}-victim-{number}"
        answer = await request(address, "GET", "/api/v1/me", [("X-Request-ID", name)])
        assert (answer.status, answer.headers["x-request-id"]) == (200, name)


def served_by(server: Server, tag: str) -> set[str]:
    """The requests that got as far as being served, by their names in the log."""
    names = set()
    for line in server.log.splitlines():
        if f'"{tag}-' in line and '"event": "request"' in line:
            names.add(str(json.loads(line)["request_id"]))
    return {name for name in names if re.fullmatch(rf"{tag}-[0-9]+-(first|hidden)", name)}
