"""Thousands of connections that drip, and thousands that say nothing: everybody else is served as before.

Of those that drip some never finish their head, some a body of bytes or of JSON, and some take nothing of
what they asked for. Each kind has its deadline in the settings. Those that are idle have asked once, and are
kept.

Belongs here: the measure. Not here: the crowd (crowd.py), single deadlines (tests/integration).
"""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from tests.harness.content import Content
from tests.harness.server import ROOT, Server, pss_bytes
from tests.harness.tus import BYTES, RESUMABLE, TusClient
from tests.harness.wire import ANSWER_WITHIN, Address, head_of

from .crowd import Crowd, Fate, Manner, fates_in
from .report import Outcome, percentile

MIB = 1 << 20
BUFFER = 64 * 1024
USERS = 8
PAUSE = 0.02
"""Seconds of a user between two requests."""
SLOWER = 2.0
"""How many times the p99 without the crowd others may wait."""
MEMORY = 350 * MIB
"""Of the program with all its workers."""
GATHERED_WITHIN = 300.0
"""Seconds."""
DILIGENCE = 0.9
"""Share of the bytes that the crowd must have sent to count as one."""
SLACK = 20.0
"""Seconds by which a deadline may be missed where it is looked at in intervals, on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Siege:
    """How large the crowd is, and how long it stays."""

    dripping: int
    idle: int
    every: float = 1.0
    """Seconds between two bytes of one that drips."""
    quiet: float
    """Seconds for which users are measured before."""
    besieged: float
    """Seconds for which they are measured meanwhile."""
    settings: Mapping[str, str]
    """Deadlines other than those that the program has by itself."""
    deadlines: Mapping[str, float]
    """By manner: seconds after which the server closes it."""


LONG = Siege(
    dripping=5000,
    idle=10_000,
    quiet=20.0,
    besieged=60.0,
    # Workers get unequal shares of what connects.
    settings={"limits.connections": "20000"},
    deadlines={"head": 10.0, "body": 60.0, "json": 30.0, "reader": 60.0},
)
SHORT = Siege(
    dripping=100,
    idle=100,
    every=0.2,
    quiet=0.3,
    besieged=0.5,
    settings={
        "timeouts.header": "3s",
        "timeouts.json": "3s",
        "timeouts.network": "3s",
        "timeouts.minimum_rate_window": "3s",
        "timeouts.send": "3s",
    },
    deadlines={"head": 3.0, "body": 3.0, "json": 3.0, "reader": 3.0},
)
_SHARES = {"head": 0.4, "body": 0.3, "json": 0.2, "reader": 0.1}
"""Of those that drip."""


async def besieged(server: Server, outcome: Outcome, runs: int, siege: Siege) -> Outcome:
    """Measures every request of the users while the crowd is there."""
    server.settings = {**server.settings, **siege.settings}
    async with server:
        for _ in range(runs):
            before = await _users(server, siege.quiet, outcome)
            async with _crowd(server, siege) as crowd:
                peak = asyncio.create_task(_peak(server))
                busy = server.cpu_seconds()
                during = await _users(server, siege.besieged, outcome)
                busy = server.cpu_seconds() - busy
                memory = pss_bytes([server.process.pid, *server.worker_pids()])
                fates = await crowd.fates()
                peak.cancel()
                memory = max(memory, await peak)
            _judge_time(outcome, before, during)
            outcome.remarks.append(f"{busy:.1f} CPU seconds of the workers in {siege.besieged:.0f} s of it")
            _judge_crowd(outcome, siege, fates)
            _judge_fates(outcome, siege, fates)
            outcome.remarks.append(f"memory {memory / MIB:.0f} MiB")
            if memory > MEMORY:
                outcome.broken("memory", f"{memory / MIB:.0f} MiB, wanted at most {MEMORY / MIB:.0f}")
            outcome.seconds += during
            outcome.runs += 1
        if server.first_traceback:
            outcome.broken("log", server.first_traceback)
    return outcome


def _judge_time(outcome: Outcome, before: list[float], during: list[float]) -> None:
    alone, beside = percentile(before, 99), percentile(during, 99)
    outcome.remarks.append(
        f"p99 {alone * 1000:.0f} ms alone ({len(before)} requests), {beside * 1000:.0f} ms beside the crowd "
        f"({len(during)})"
    )
    if beside > alone * SLOWER:
        outcome.late.append(f"p99 {beside * 1000:.0f} ms, wanted at most {SLOWER} times {alone * 1000:.0f}")


def _judge_crowd(outcome: Outcome, siege: Siege, fates: Mapping[str, Fate]) -> None:
    """On a machine that is too busy for it, there was no siege."""
    rate = sum(fate.drips for fate in fates.values()) / siege.besieged
    outcome.remarks.append(f"{rate:.0f} drips a second")
    if rate < DILIGENCE * siege.dripping / siege.every:
        outcome.late.append(f"{rate:.0f} drips a second, wanted {siege.dripping / siege.every:.0f}")


def _judge_fates(outcome: Outcome, siege: Siege, fates: Mapping[str, Fate]) -> None:
    for name, fate in fates.items():
        if name == "idle":
            outcome.remarks.append(f"{fate.open} idle")
            if fate.open < siege.idle * 0.99:
                outcome.broken("idle", f"{fate.open} of {siege.idle} were kept")
            continue
        outcome.remarks.append(f"{name}: {fate.closed} closed, the last after {fate.longest:.0f} s")
        wanted = siege.deadlines[name]
        if fate.left or not fate.closed:
            outcome.broken("deadline", f"{name}, to be closed after {wanted:.0f} s: {fate}")
        if fate.longest > wanted + SLACK:
            outcome.late.append(f"{name}, closed after {fate.longest:.0f} s, wanted {wanted:.0f}")


# --- users


async def _users(server: Server, seconds: float, outcome: Outcome) -> list[float]:
    """What each of their requests took.

    Each is a thread that waits in the kernel: with a loop of their own, users would take as much of the two
    processors of a small machine as their requests, and be measured waiting for themselves.
    """
    until = time.monotonic() + seconds
    users = [_User(server, outcome) for _ in range(USERS)]
    await asyncio.gather(*(asyncio.to_thread(user.stay, until) for user in users))
    return [one for user in users for one in user.took]


class _User:
    """Uploads a small file, asks for its offset, fetches it, again and again, on new connections."""

    def __init__(self, server: Server, outcome: Outcome) -> None:
        self._address = server.address
        self._outcome = outcome
        self.took: list[float] = []

    def stay(self, until: float) -> None:
        content = b"x" * 1024
        while time.monotonic() < until:
            made = self._ask("POST", "/files/", 201, [BYTES, ("Upload-Length", "1024")], content)
            if made is None:
                continue
            target = "/files/" + made["location"].rpartition("/")[2]
            for method in ("HEAD", "GET"):
                self._ask(method, target, 200)
                time.sleep(PAUSE)

    def _ask(
        self,
        method: str,
        target: str,
        wanted: int,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Mapping[str, str] | None:
        """The head of the answer, if it is the one that is wanted."""
        sent = [("Host", f"{self._address.host}:{self._address.port}"), RESUMABLE, *headers]
        if body:
            sent.append(("Content-Length", str(len(body))))
        began = time.monotonic()
        status, head, said = _exchange(self._address, head_of(method, target, sent) + body, method)
        self.took.append(time.monotonic() - began)
        if status == wanted:
            return head
        self._outcome.broken("user", f"{method}: {status} {said!r}")
        return None


def _exchange(address: Address, asked: bytes, method: str) -> tuple[int, Mapping[str, str], bytes]:
    """Status, head and body of the answer, on a connection of its own."""
    with socket.create_connection((address.host, address.port), timeout=ANSWER_WITHIN) as connection:
        connection.sendall(asked)
        came = connection.recv(BUFFER)
        while b"\r\n\r\n" not in came and (more := connection.recv(BUFFER)):
            came += more
        head, _, body = came.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = 0 if method == "HEAD" else int(found.get("content-length", "0"))
        while len(body) < length and (more := connection.recv(BUFFER)):
            body += more
    return int(status.split()[1]), found, body


async def _peak(server: Server) -> int:
    """The most memory that the program had, in bytes, until this is cancelled."""
    most = 0
    with suppress(asyncio.CancelledError):
        while True:
            # Seldom, as reading it makes the kernel walk page tables, which the program waits for.
            most = max(most, pss_bytes([server.process.pid, *server.worker_pids()]))
            await asyncio.sleep(15.0)
    return most


# --- the crowd


@dataclass(slots=True)
class _Beside:
    process: asyncio.subprocess.Process

    async def fates(self) -> Mapping[str, Fate]:
        """Tell the crowd to leave, and wait for it."""
        said, _ = await self.process.communicate(b"\n")
        return fates_in(said.decode())


@asynccontextmanager
async def _crowd(server: Server, siege: Siege) -> AsyncIterator[_Beside]:
    crowd = await _prepared(server, siege)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.crash.crowd"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(crowd.as_json().encode() + b"\n")
        async with asyncio.timeout(GATHERED_WITHIN):
            assert await process.stdout.readline() == b"ready\n"
        yield _Beside(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _prepared(server: Server, siege: Siege) -> Crowd:
    """The requests, with something that is there to be asked for."""
    client = TusClient(address=server.address)
    large = await client.create(Content(seed=1, length=8 * MIB))
    await client.finish(large, step=8 * MIB)
    open_upload = await client.create(Content(seed=2, length=10))
    host = f"Host: {server.address.host}:{server.address.port}\r\n"
    tus = f"{host}Tus-Resumable: 1.0.0\r\n"
    heads = {
        "head": f"POST /files/ HTTP/1.1\r\n{host}X-Drip: ",
        "body": f"POST /files/ HTTP/1.1\r\n{tus}Upload-Length: 100000\r\nContent-Length: 100000\r\n"
        "Content-Type: application/offset+octet-stream\r\n\r\n",
        "json": f"POST /api/v1/uploads/{open_upload.target.rpartition('/')[2]}/token HTTP/1.1\r\n{host}"
        "Content-Type: application/json\r\nContent-Length: 10000\r\n\r\n",
        "reader": f"GET {large.target} HTTP/1.1\r\n{host}\r\n",
    }
    dripping = [
        Manner(
            name=name,
            count=round(siege.dripping * share),
            first=heads[name],
            reads=name != "reader",
        )
        for name, share in _SHARES.items()
    ]
    idle = Manner(
        name="idle", count=siege.idle, first=f"OPTIONS /files/ HTTP/1.1\r\n{host}\r\n", is_idle=True
    )
    return Crowd(
        host=server.address.host,
        port=server.address.port,
        every=siege.every,
        patience=max(siege.deadlines.values()) + SLACK,
        manners=[*dripping, idle],
    )
