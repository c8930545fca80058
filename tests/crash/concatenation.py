"""kill -9 while a final upload is assembled, and a partial that is deleted meanwhile.

The partials come over parallel connections. The kill is aimed by watching the file that is being assembled:
when it has a random share of its bytes, everything dies, and after the restart the assembly begins anew.

Belongs here: aiming, and what must hold. Not here: kills of uploads that are still received (kills.py).
"""

import asyncio
import hashlib
import os
import random
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.harness.checker import TIDIED, download, fsck
from tests.harness.content import Content
from tests.harness.ledger import Tracked
from tests.harness.rows import fetch, files_of
from tests.harness.server import DidNotHappen, Server, until
from tests.harness.tus import RESUMABLE, Plan, TusClient
from tests.harness.wire import request

from .report import Outcome

MIB = 1 << 20
CONNECTIONS = 8
WHOLE_WITHIN = 60.0
"""Seconds from the restart to the final upload: what a dead worker assembled is taken up after ten."""
TIDY_WITHIN = 30.0
ASSEMBLED_WITHIN = 30.0
POLL = 0.0005
"""Seconds between looks at the file that is aimed at."""

_FINAL = "FROM uploads WHERE kind = 'final' AND state <> 'terminated'"
"""That of this run: those before were deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many partials, and the bytes of each."""

    partials: int
    bytes_each: int

    @property
    def total(self) -> int:
        return self.partials * self.bytes_each


async def killed_in_assembly(server: Server, outcome: Outcome, runs: int, size: Size) -> Outcome:
    """Measures from the restart until HEAD says that the final upload is whole."""
    dice = random.Random(outcome.seed)
    server.settings = {**server.settings, "storage.sweep_interval": "1s"}
    await server.start()
    hits = 0
    for _ in range(runs):
        hits += await _Run(server, dice, outcome, size).perform()
        outcome.runs += 1
    outcome.remarks.append(f"{hits} of {runs} kills hit the assembly")
    return outcome


class _Run:
    """One final upload, from its partials to nothing."""

    def __init__(self, server: Server, dice: random.Random, outcome: Outcome, size: Size) -> None:
        self._server = server
        self._dice = dice
        self._outcome = outcome
        self._size = size
        self._client = TusClient(address=server.address)
        self._partials: Sequence[Tracked] = ()
        self._target = ""

    async def perform(self) -> bool:
        """Whether the kill hit the assembly."""
        last_is_open = self._dice.random() < 0.5
        await self._upload_partials(last_is_open=last_is_open)
        known = set(files_of(self._server))
        begun = [asyncio.create_task(self._concatenate(last_is_open=last_is_open))]
        assembled = await self._assembled_to(known, self._dice.random())
        victim = self._dice.choice(self._partials)
        if deleted_before := self._dice.random() < 0.5:
            # Its answer may be lost with the server.
            begun.append(asyncio.create_task(self._delete(victim)))
            await until(lambda: victim.deleted, "a DELETE is sent", ASSEMBLED_WITHIN)
        await self._server.kill9()
        await asyncio.gather(*begun, return_exceptions=True)
        is_hit = assembled is not None and await self._is_being_assembled()
        await self._server.start()
        if not deleted_before:
            await self._delete(victim)
        await self._check(victim)
        await self._delete_everything()
        self._outcome.violations += self._client.ledger.violations
        return is_hit

    # Before the kill

    async def _upload_partials(self, *, last_is_open: bool) -> None:
        """In parallel; the last one may lack its last byte."""
        free = asyncio.Semaphore(CONNECTIONS)
        each = self._size.bytes_each

        async def upload(number: int) -> Tracked:
            content = Content(seed=self._outcome.seed + number, length=each)
            is_open = last_is_open and number == self._size.partials - 1
            async with free:
                tracked = await self._client.create(content, ("Upload-Concat", "partial"))
                await self._client.patch(tracked, Plan.whole(0, each - 1 if is_open else each))
            return tracked

        self._partials = await asyncio.gather(*(upload(number) for number in range(self._size.partials)))

    async def _concatenate(self, *, last_is_open: bool) -> None:
        """Raises NoAnswer, as the server dies."""
        raw = "final;" + " ".join(tracked.target for tracked in self._partials)
        answer = await request(self._server.address, "POST", "/files/", [RESUMABLE, ("Upload-Concat", raw)])
        self._client.ledger.heard(answer, "POST")
        self._target = urlsplit(answer.headers["location"]).path
        if last_is_open:
            each = self._size.bytes_each
            await self._client.patch(self._partials[-1], Plan.whole(each - 1, each))

    async def _assembled_to(self, known: set[Path], share: float) -> Path | None:
        """The file that is assembled, once it has so much of its bytes; None when it was too quick."""
        give_up = time.monotonic() + ASSEMBLED_WITHIN
        while time.monotonic() < give_up:
            for path in files_of(self._server):
                if path not in known and "~w" in path.name:
                    return path if await _grown_to(path, int(share * self._size.total)) else None
            await asyncio.sleep(POLL)
        raise DidNotHappen("no file is assembled")

    async def _delete(self, victim: Tracked) -> None:
        """204, then 410. Raises NoAnswer when the server dies."""
        answer = await self._client.delete(victim)
        if answer.status not in (204, 410):
            self._outcome.broken("status", f"DELETE of a partial: {answer.status}")

    async def _is_being_assembled(self) -> bool:
        rows = await fetch(self._server, f"SELECT state {_FINAL}")
        return [row["state"] for row in rows] == ["completing"]

    # After the restart

    async def _check(self, victim: Tracked) -> None:
        if not self._target:
            # The client was never told, but what is committed is finished all the same.
            [row] = await fetch(self._server, f"SELECT id {_FINAL}")
            self._target = f"/files/{row['id']}"
        began = time.monotonic()
        offset = await self._whole()
        self._outcome.measured(time.monotonic() - began, WHOLE_WITHIN, "a final upload after kill -9")
        if offset != str(self._size.total):
            self._outcome.broken("I1", f"Upload-Offset {offset}, the partials have {self._size.total}")
        status, length, digest = await download(self._server.address, self._target)
        if (status, length) != (200, self._size.total) or digest != await asyncio.to_thread(self._sha256):
            self._outcome.broken("I3", f"GET: {status}, {length} bytes, SHA-256 {digest}")
        if await self._status("HEAD", victim.target) not in (404, 410):
            # The DELETE was lost with the server.
            await self._delete(victim)
        if (status := await self._status("HEAD", victim.target)) != 410:
            self._outcome.broken("status", f"HEAD of a deleted partial: {status}")
        await self._check_rows()

    async def _whole(self) -> str:
        """Upload-Offset, as soon as HEAD says one."""
        async with asyncio.timeout(WHOLE_WITHIN):
            while True:
                answer = await request(self._server.address, "HEAD", self._target, [RESUMABLE])
                if answer.status not in (200, 423):
                    raise AssertionError(f"HEAD of a final upload: {answer.status}")
                if "upload-offset" in answer.headers:
                    return answer.headers["upload-offset"]
                await asyncio.sleep(0.05)

    async def _check_rows(self) -> None:
        told = await fetch(
            self._server,
            "SELECT e.subject FROM events e JOIN uploads u ON u.id = e.subject"
            " WHERE u.kind = 'final' AND u.state = 'stored' AND e.kind = 'upload.stored'",
        )
        if len(told) != 1:
            self._outcome.broken("I4", f"{len(told)} events say that the final upload is stored")
        for finding in await fsck(self._server):
            if finding["problem"] not in TIDIED:
                self._outcome.broken("I6", f"fsck: {finding}")

    def _sha256(self) -> str:
        digest = hashlib.sha256()
        for tracked in self._partials:
            for piece in tracked.content.slices(0, tracked.content.length):
                digest.update(piece)
        return digest.hexdigest()

    async def _status(self, method: str, target: str) -> int:
        return (await request(self._server.address, method, target, [RESUMABLE])).status

    async def _delete_everything(self) -> None:
        """Nothing of it may stay: neither what was assembled in vain, nor a deleted partial's bytes."""
        for target in (self._target, *(tracked.target for tracked in self._partials if not tracked.deleted)):
            if (status := await self._status("DELETE", target)) != 204:
                self._outcome.broken("status", f"DELETE: {status}")
        try:
            await until(lambda: not any(files_of(self._server)), "all bytes are gone", TIDY_WITHIN)
        except DidNotHappen:
            left = [str(path.relative_to(self._server.data)) for path in files_of(self._server)]
            self._outcome.broken("I6", f"still there: {left}")


async def _grown_to(path: Path, size: int) -> bool:
    """False when it was finished first: what is sealed cannot be written to."""
    while (found := _look_at(path)) is not None and found.st_mode & stat.S_IWUSR:
        if found.st_size >= size:
            return True
        await asyncio.sleep(POLL)
    return False


def _look_at(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
