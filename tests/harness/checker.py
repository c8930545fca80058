"""The invariants of the house, checked from outside after every fault.

I1  what was acknowledged is committed, and what is committed is in the files
I2  an acknowledged offset never falls
I3  acknowledged bytes are what the client sent
I4  one finished event per upload
I6  no data without a row, no row without data
I7  no answer names an uncommitted offset; no 5xx without Retry-After (ledger.py hears the answers)

The server must be running. Every violation is printed as one line of JSON and kept in the ledger.

Belongs here: verdicts. Not here: how to look (rows.py, kept.py) and how to break things (tests/crash).
"""

import asyncio
import hashlib
import json
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass

from .by_word import client_of
from .kept import Kept, kept_by
from .ledger import Ledger, Tracked
from .rows import Row, fetch
from .server import ROOT, Server
from .tus import Refused, TusClient
from .wire import Address, Connection, head_of

TIDIED = frozenset({"no-row"})
"""What a fault may leave behind for the sweep."""
OTHER_DEVICE = TIDIED | {"file-changed"}
"""The same on a copy of the disk: the identity of a file has the device's number in it."""

MADE_WITHIN = 30.0
"""Seconds in which a file must be there whose last byte was acknowledged."""
_CONFLICT = 409

_ENDED = frozenset({"terminated", "expired", "refused", "lost"})
_COMPLETE = frozenset({"completing", "stored"})
_FINISHED = frozenset({"upload.completing", "upload.stored"})
_ATTEMPT = re.compile(r".+~w([0-9a-f]+)\.[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the database says at one moment (each table at its own)."""

    uploads: dict[str, Row]
    parts: list[Row]
    versions: list[Row]
    workers: dict[str, Row]
    finished_events: Counter[tuple[str, str]]
    """Counted by subject and kind."""

    @classmethod
    async def of(cls, server: Server) -> "Snapshot":
        return cls(
            uploads={row["id"]: row for row in await fetch(server, "SELECT * FROM uploads")},
            parts=await fetch(server, "SELECT * FROM parts"),
            versions=await fetch(server, "SELECT * FROM versions"),
            workers={row["id"]: row for row in await fetch(server, "SELECT * FROM workers")},
            finished_events=Counter(
                (row["subject"], row["kind"])
                for row in await fetch(server, "SELECT subject, kind FROM events")
                if row["kind"] in _FINISHED
            ),
        )

    def refs(self) -> set[str]:
        """Every name that a row counts on."""
        open_uploads = [row["ref"] for row in self.uploads.values() if row["state"] not in _ENDED]
        rows = [*self.parts, *self.versions]
        return {*open_uploads, *(row["ref"] for row in rows)}


async def check_invariants(ledger: Ledger, server: Server, *, tolerated: frozenset[str] = TIDIED) -> None:
    """Hold rows, files and answers against the ledger. Raises AssertionError listing the violations.

    `tolerated` are problems that fsck may find.
    """
    waiting = [tracked for tracked in ledger.uploads.values() if not tracked.verified and not tracked.deleted]
    for tracked in waiting:
        await _check_head(client_of(tracked, server.address, ledger), tracked)
    snapshot = await Snapshot.of(server)
    async with kept_by(server) as kept:
        for tracked in waiting:
            await _check_upload(ledger, server, kept, snapshot, tracked)
        _check_events(ledger, snapshot)
        await _check_names(ledger, server, kept, tolerated)
    for violation in ledger.violations:
        sys.stdout.write(violation.as_line() + "\n")
    assert not ledger.violations, "\n".join(violation.as_line() for violation in ledger.violations)


async def _check_head(client: TusClient, tracked: Tracked) -> None:
    """The ledger hears the answer and compares it."""
    try:
        await client.offset(tracked)
    except Refused as refused:
        client.ledger.broken("I1", tracked, f"HEAD of an upload with {tracked.acked} told bytes: {refused}")


async def _check_upload(
    ledger: Ledger, server: Server, kept: Kept, snapshot: Snapshot, tracked: Tracked
) -> None:
    row = snapshot.uploads.get(tracked.id)
    if row is None:
        ledger.broken("I6", tracked, "no row")
        return
    if row["offset"] < tracked.acked:
        ledger.broken("I1", tracked, f"row at {row['offset']}, {tracked.acked} were told")
    if row["state"] in _ENDED:
        ledger.broken("I1", tracked, f"the upload ended as {row['state']}")
        return
    if tracked.by_word and row["state"] in _COMPLETE and not tracked.said:
        ledger.broken("I7", tracked, f"{row['state']}, but its client did not say that it is complete")
    if tracked.by_word and row["state"] not in _COMPLETE and tracked.confirmed:
        ledger.broken("I1", tracked, f"{row['state']}, but its client was told that it is complete")
    problem = await kept.wrong(tracked, row, snapshot.parts)
    if problem:
        # Rows, parts and files are looked at one after the other, and the finish job goes on meanwhile.
        fresh = await Snapshot.of(server)
        if fresh.uploads.get(tracked.id) != row:
            await _check_upload(ledger, server, kept, fresh, tracked)
            return
        rule, detail = problem
        ledger.broken(rule, tracked, detail)
    if row["state"] == "stored" and tracked.finished:
        await _check_download(ledger, server, tracked)


async def _check_download(ledger: Ledger, server: Server, tracked: Tracked) -> None:
    """GET on the upload URL gives the bytes that were sent."""
    # Not `download`: its row says that it is there.
    status, length, digest = await _download(server.address, tracked.target)
    if status != 200:
        ledger.broken("I1", tracked, f"GET of a stored upload: {status}")
    elif (length, digest) != (tracked.content.length, tracked.content.sha256()):
        ledger.broken("I3", tracked, f"GET gave {length} bytes with another SHA-256 than was sent")
    else:
        tracked.verified = True


async def download(address: Address, target: str) -> tuple[int, int, str]:
    """Status, length and SHA-256 of a GET, without holding the body; of what is being made, once it is."""
    give_up = time.monotonic() + MADE_WITHIN
    while (found := await _download(address, target))[0] == _CONFLICT and time.monotonic() < give_up:
        await asyncio.sleep(0.05)
    return found


async def _download(address: Address, target: str) -> tuple[int, int, str]:
    host = f"{address.host}:{address.port}"
    async with await Connection.open(address) as connection:
        await connection.send(head_of("GET", target, [("Host", host), ("Connection", "close")]))
        status, blocks = await connection.download()
        digest, length = hashlib.sha256(), 0
        async for block in blocks:
            digest.update(block)
            length += len(block)
    return status, length, digest.hexdigest()


def _check_events(ledger: Ledger, snapshot: Snapshot) -> None:
    for (subject, kind), count in snapshot.finished_events.items():
        if count > 1:
            ledger.broken("I4", None, f"{subject}: {count} events {kind}")


async def _check_names(ledger: Ledger, server: Server, kept: Kept, tolerated: frozenset[str]) -> None:
    """After a sweep: no data without a row.

    Names are listed before the rows are read, so that one made meanwhile is not suspected.
    """
    for finding in await fsck(server, "--repair"):
        if finding["problem"] not in tolerated:
            ledger.broken("I6", None, f"fsck: {finding}")
    found = await kept.names()
    snapshot = await Snapshot.of(server)
    counted = snapshot.refs()
    for ref in found:
        if ref not in counted and not _awaits_burial(ref, snapshot) and await kept.has(ref):
            ledger.broken("I6", None, f"no row names {ref}")


async def fsck(server: Server, *options: str) -> list[Row]:
    """What the product's own check finds, beside the running server."""
    process = await asyncio.create_subprocess_exec(
        *server.command("fsck", "--json", *options),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    if process.returncode not in (0, 1):
        raise AssertionError(f"fsck: exit {process.returncode}: {complained.decode()}")
    return [json.loads(line) for line in said.decode().splitlines() if line.startswith("{")]


def _awaits_burial(ref: str, snapshot: Snapshot) -> bool:
    """The attempt of a worker that may still come to name it."""
    attempt = _ATTEMPT.fullmatch(ref)
    worker = None if attempt is None else snapshot.workers.get(attempt[1])
    return worker is not None and not worker["buried"]
