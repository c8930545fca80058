"""A server that scans, seen from outside: uploads, readers that race with the verdicts, what the rows say.

Belongs here: waiting and judging. Not here: the files (suspects.py), the faults (tests/services).
"""

import asyncio
import hashlib
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .rows import Row, fetch
from .server import DidNotHappen, Server
from .suspects import LONGEST, Suspect
from .tus import BYTES, RESUMABLE
from .wire import Answer, request


def scanning_settings(socket: str) -> dict[str, str]:
    """For a server whose clamd is at `socket`; its signatures have no date."""
    return {
        "scan.clamd_socket": socket,
        "scan.max_size": str(LONGEST),
        "scan.signatures_max_age": "0",
        "scan.connect_timeout": "1s",
    }


@dataclass(slots=True, kw_only=True)
class Sent:
    """A suspect that was uploaded."""

    suspect: Suspect
    target: str
    """Path of the upload."""
    others: list[str] = field(default_factory=list)
    """More paths to the same bytes."""

    @property
    def id(self) -> str:
        return self.target.rpartition("/")[2]


async def send(server: Server, suspect: Suspect) -> Sent:
    """One POST with everything. Raises DidNotHappen when it is refused."""
    headers = [RESUMABLE, ("Upload-Length", str(len(suspect.content)))]
    if suspect.content:
        headers.append(BYTES)
    answer = await request(server.address, "POST", "/files/", headers, suspect.content)
    if answer.status != 201 or (answer.offset or 0) != len(suspect.content):
        raise DidNotHappen(f"POST: {answer.status} {answer.body!r}")
    return Sent(suspect=suspect, target="/files/" + answer.headers["location"].rpartition("/")[2])


async def send_all(server: Server, suspects: Sequence[Suspect], clients: int = 4) -> list[Sent]:
    """From several clients at once."""
    waiting = list(suspects)
    sent: list[Sent] = []

    async def client() -> None:
        while waiting:
            sent.append(await send(server, waiting.pop()))

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
    return sent


async def share(server: Server, sent: Sent) -> None:
    """By its file id, and by links without and with a limit. Raises DidNotHappen."""
    file_id = (await version_of(server, sent))["file_id"]
    sent.others.append(f"/file/{file_id}")
    for wanted in (b"{}", b'{"max_uses": 1000000}'):
        json_body = ("Content-Type", "application/json")
        made = await request(server.address, "POST", f"/api/v1/files/{file_id}/links", [json_body], wanted)
        if made.status != 201:
            raise DidNotHappen(f"POST of a link: {made.status} {made.body!r}")
        sent.others.append(urlsplit(json.loads(made.body)["url"]).path)


async def get(server: Server, sent: Sent) -> Answer:
    """Its download."""
    return await request(server.address, "GET", sent.target)


async def is_proven(server: Server) -> bool:
    """What /readyz says of the scanner; the server is ready in any case."""
    answer = await request(server.address, "GET", "/readyz")
    return answer.status == 200 and json.loads(answer.body)["checks"]["scanner"] == "ok"


async def until_proven(server: Server, within: float = 20.0) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(within):
        while not await is_proven(server):
            await asyncio.sleep(0.05)


async def waiting_scans(server: Server) -> list[Row]:
    return await fetch(server, "SELECT * FROM jobs WHERE consumer IN ('scan', 'rescan')")


async def until_settled(server: Server, within: float = 60.0) -> None:
    """No scan is waited for. Raises DidNotHappen with what is left."""
    try:
        async with asyncio.timeout(within):
            while await waiting_scans(server):
                await asyncio.sleep(0.05)
    except TimeoutError:
        left = await waiting_scans(server)
        raise DidNotHappen(f"{len(left)} scans are not settled: {left[:3]}\n{server.log[-3000:]}") from None


async def version_of(server: Server, sent: Sent) -> Row:
    """Its row of `versions`."""
    (row,) = await fetch(server, f"SELECT * FROM versions WHERE upload_id = '{sent.id}'")
    return row


async def until_verdict(server: Server, sent: Sent, verdict: str, within: float = 20.0) -> Row:
    """Raises DidNotHappen."""
    try:
        async with asyncio.timeout(within):
            while (row := await version_of(server, sent))["verdict"] != verdict:
                await asyncio.sleep(0.02)
            return row
    except TimeoutError:
        raise DidNotHappen(
            f"{await version_of(server, sent)}, wanted {verdict}\n{server.log[-3000:]}"
        ) from None


async def misjudged(server: Server, sent: Sequence[Sent]) -> list[str]:
    """What is wrong with the verdicts: one sentence each."""
    rows = {row["upload_id"]: row for row in await fetch(server, "SELECT * FROM versions")}
    found = []
    for one in sent:
        row = rows[one.id]
        if row["verdict"] != one.suspect.verdict:
            found.append(
                f"{one.suspect.kind}: {row['verdict']} ({row['finding']}), wanted {one.suspect.verdict}"
            )
        whole = len(one.suspect.content) <= LONGEST
        if whole and row["sha256"] != hashlib.sha256(one.suspect.content).hexdigest():
            found.append(f"{one.suspect.kind}: the digest is {row['sha256']}")
    return found


async def verdicts_told(server: Server) -> dict[str, int]:
    """How many verdict events each upload has."""
    rows = await fetch(
        server, "SELECT subject, count(*) AS n FROM events WHERE kind = 'upload.scanned' GROUP BY subject"
    )
    return {row["subject"]: row["n"] for row in rows}


@dataclass(slots=True, kw_only=True)
class Readers:
    """GETs that race with the verdicts, and what they saw that they must not see."""

    server: Server
    dice: random.Random
    known: list[Sent] = field(default_factory=list)
    answers: int = 0
    served: int = 0
    wrong: list[str] = field(default_factory=list)

    async def read(self) -> None:
        """Until cancelled."""
        while True:
            if not self.known:
                await asyncio.sleep(0.01)
                continue
            # The newest are those whose verdict comes now.
            one = self.dice.choice(self.known[-20:] if self.dice.random() < 0.7 else self.known)
            path = self.dice.choice([one.target, *one.others])
            try:
                await self._judge(one, await request(self.server.address, "GET", path))
            except OSError:
                await asyncio.sleep(0.05)  # the server is being killed

    async def _judge(self, one: Sent, answer: Answer) -> None:
        self.answers += 1
        if answer.status == 200:
            self.served += 1
            row = await version_of(self.server, one)
            if one.suspect.verdict != "clean" or row["verdict"] != "clean":
                self.wrong.append(f"{one.suspect.kind} was served, with the verdict {row['verdict']}")
            if answer.body != one.suspect.content:
                self.wrong.append(f"{one.suspect.kind} was served with other bytes")
        elif answer.status not in (403, 409):
            self.wrong.append(f"{one.suspect.kind}: {answer.status} {answer.body[:100]!r}")
        elif len(answer.body) > 300 or answer.body in one.suspect.content:
            self.wrong.append(f"{one.suspect.kind}: a refusal with {len(answer.body)} bytes")


@asynccontextmanager
async def reading(server: Server, seed: int, readers: int = 4) -> AsyncIterator[Readers]:
    """Readers at work while inside."""
    shared = Readers(server=server, dice=random.Random(seed))
    tasks = [asyncio.create_task(shared.read()) for _ in range(readers)]
    try:
        yield shared
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if not task.cancelled() and task.exception():
                shared.wrong.append(f"a reader ended: {task.exception()!r}")
