"""`python -m bench.access`: what saying who one is costs the server for each request.

One real server for each way, asked by one client over one connection for `/api/v1/me`, which does nothing but
know its visitor. What is compared is the CPU time of the server's threads (/proc/PID/task/*/schedstat), which
depends least on what else the machine does; the ways take turns, and the lowest round counts.

Belongs here: this one comparison. Not here: uploads (cases/).
"""

import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.harness.server import ROOT, Server
from tests.harness.wire import Connection, head_of

ROUNDS, REQUESTS = 5, 500
ISSUER, AUDIENCE = "bench", "tusd-py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way of saying who one is."""

    name: str
    settings: Mapping[str, str]
    credential: str = ""
    """Empty asks `tusd-py key` for one, where keys are what is measured."""


def _ways(folder: Path) -> list[Way]:
    secret = secrets.token_hex(32)
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ec_key = ec.generate_private_key(ec.SECP256R1())
    ways = [Way(name="nothing (auth is off)", settings={})]
    for cache, said in (("5s", "remembered"), ("0", "every time")):
        ways.append(Way(name=f"API key, {said}", settings={"access.auth": "key", "access.cache": cache}))
        for algorithm, key in (("HS256", secret), ("RS256", rsa_key), ("ES256", ec_key)):
            settings = {
                "access.auth": "jwt",
                "access.cache": cache,
                "access.jwt_issuer": ISSUER,
                "access.jwt_audience": AUDIENCE,
            }
            if isinstance(key, str):
                settings["access.jwt_secret"] = key
            else:
                path = folder / f"{algorithm}.pem"
                pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                path.write_bytes(pem)
                settings["access.jwt_keys"] = str(path)
            claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": int(time.time()) + 3600}
            ways.append(
                Way(
                    name=f"JWT {algorithm}, {said}",
                    settings=settings,
                    credential=jwt.encode(claims, key, algorithm),
                )
            )
    return ways


async def _new_key(server: Server) -> str:
    command = server.command("key", "create", "--subject", "ann", "--json")
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    key: str = json.loads(said)["key"]
    return key


def _cpu(server: Server) -> float:
    """Seconds that its threads have run."""
    (pid,) = server.worker_pids()
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


async def _seconds(server: Server, credential: str) -> float:
    """Of one request, on average."""
    headers = [("Host", "localhost")] + ([("Authorization", f"Bearer {credential}")] if credential else [])
    head = head_of("GET", "/api/v1/me", headers)
    async with await Connection.open(server.address) as connection:
        await connection.send(head)
        await connection.answer()
        began = _cpu(server)
        for _ in range(REQUESTS):
            await connection.send(head)
            if (await connection.answer()).status != 200:
                raise AssertionError("the credential is not good")
        return (_cpu(server) - began) / REQUESTS


async def _measure() -> dict[str, float]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running: list[tuple[Way, Server, str]] = []
        for number, way in enumerate(_ways(folder)):
            place = folder / str(number)
            place.mkdir()
            server = Server(folder=place, settings={**way.settings, "log.requests": "false"})
            await stack.enter_async_context(server)
            wants_key = way.settings.get("access.auth") == "key"
            running.append((way, server, await _new_key(server) if wants_key else way.credential))
        best: dict[str, float] = {}
        for _ in range(ROUNDS):
            for way, server, credential in running:
                seconds = await _seconds(server, credential)
                best[way.name] = min(seconds, best.get(way.name, seconds))
        return best


def main() -> None:
    """Print the table."""
    found = asyncio.run(_measure())
    base = next(iter(found.values()))
    lines = ["| visitors show | CPU of a request | more than without |", "| --- | --- | --- |"]
    lines += [
        f"| {name} | {seconds * 1e6:.0f} us | {(seconds - base) * 1e6:+.0f} us |"
        for name, seconds in found.items()
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
