"""Secrets that are planted wherever one may travel, and looked for wherever one must not be."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.ports import free_port
from tests.harness.server import ROOT, Server
from tests.harness.wire import Address, Answer, request
from tusd_py.config.keys import keys
from tusd_py.server.cors import REQUEST_HEADERS
from tusd_py.server.route import BASE, Route
from tusd_py.server.routes import TABLE

from .asking import TUS
from .issuer import bearer, jwt_settings, token

SECRET = "geheim0123456789geheim"
OF_CONFIG = "konfig0123456789konfig0123456789konfig"

# A request id is there to be seen, in logs and in answers: whoever plants a secret in it shows it.
HEADERS = sorted(
    {
        *REQUEST_HEADERS,
        *("Cookie", "Proxy-Authorization", "X-Auth-Token", "X-Amz-Security-Token", "X-Hub-Signature"),
        *("X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via", "Referer", "User-Agent", "Accept"),
        *("Range", "If-Range", "If-None-Match", "If-Match", "Upgrade", "Sec-WebSocket-Protocol"),
    }
    - {"X-Request-ID"}
)
FORMS = (SECRET, f"Bearer {SECRET}", f"Basic {SECRET}", f"session={SECRET}; a=b", f"a{SECRET}.b.c")
QUERIES = (
    "token",
    "ticket",
    "access_token",
    "sig",
    "signature",
    "key",
    "api_key",
    "password",
    "code",
    "q",
    "x",
)
ROUTES = [route for face in TABLE for route in face.routes]


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Address]]:
    """It logs everything, and knows a secret."""
    folder = tmp_path_factory.mktemp("secrets")
    metrics = Address("127.0.0.1", free_port())
    settings = jwt_settings(folder) | {
        "access.jwt_secret": OF_CONFIG * 2,
        "log.level": "debug",
        "metrics.expose_metrics": "true",
        "metrics.port": str(metrics.port),
    }
    running = Server(folder=folder, settings=settings)
    asyncio.run(running.start())
    yield running, metrics
    asyncio.run(running.stop())


def target_of(route: Route) -> str:
    return re.sub(r"\{\w+\}", "0" * 32, route.path.replace(BASE, "/files/"))


QUOTED = ("Upload-", "Tus-", "Content-Type", "Content-Disposition", "Repr-Digest", "Content-Digest")
"""The protocol's own words: what is wrong with one is quoted to whoever sent it, and to nobody else."""


def _quotes(headers: list[tuple[str, str]]) -> bool:
    return any(SECRET in value and name.startswith(QUOTED) for name, value in headers)


def _told(answer: Answer) -> str:
    return f"{answer.status} {answer.headers} {answer.body.decode('latin-1')}"


async def test_what_is_planted_in_a_request_is_nowhere_else(talkative: tuple[Server, Address]) -> None:
    server, metrics = talkative
    good = bearer(token(key=OF_CONFIG * 2, tenant="acme"))
    found: list[str] = []
    for place, route in enumerate(ROUTES):
        target, form = target_of(route), FORMS[place % len(FORMS)]
        # The answer of a stream has no end.
        method = "HEAD" if route.takes_ticket else route.method
        cases: list[tuple[str, list[tuple[str, str]]]] = []
        for name in HEADERS:
            cases.append((target, [(name, form), TUS]))
            # Let in, and refused for what the header says.
            cases.append((target, [(name, form), TUS, good]))
        for name in QUERIES:
            cases += [(f"{target}?{name}={SECRET}", who) for who in ([TUS], [TUS, good])]
        answers = await asyncio.gather(
            *(request(server.address, method, where, headers) for where, headers in cases)
        )
        found += [
            f"{method} {where} {headers}: {_told(answer)}"
            for (where, headers), answer in zip(cases, answers, strict=True)
            if SECRET in _told(answer) and not _quotes(headers)
        ]
    assert found == []
    assert SECRET not in server.log
    assert SECRET not in (await request(metrics, "GET", "/metrics")).body.decode()
    assert "Traceback" not in server.log


async def test_what_is_planted_in_the_settings_is_nowhere_else(talkative: tuple[Server, Address]) -> None:
    server, metrics = talkative
    assert OF_CONFIG not in server.log
    assert OF_CONFIG not in (await request(metrics, "GET", "/metrics")).body.decode()


SECRET_KEYS = [key for key in keys().values() if key.kind.is_secret]


@pytest.mark.parametrize(
    ("shape", "verb"),
    [
        ("{}", ("check-config",)),
        ("postgresql://user:{}@127.0.0.1:1/name", ("check-config",)),
        ("postgresql://user:{}@127.0.0.1:1/name", ("serve", "--port", "0")),
    ],
)
def test_no_command_shows_a_secret_of_the_settings(tmp_path: Path, shape: str, verb: tuple[str, ...]) -> None:
    """Good ones and bad ones, each in every key that is a secret."""
    environ = {key.variable: shape.format(OF_CONFIG) for key in SECRET_KEYS}
    assert len(environ) >= 4
    done = subprocess.run(
        Server(folder=tmp_path).command(*verb, "--set=database.timeout=1"),
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environ},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = done.stdout + done.stderr
    assert OF_CONFIG not in said
    assert "Traceback" not in said
    assert said
