"""The order of system calls of the whole server: sync the bytes, sync the name, commit, answer.

The program runs under strace on SQLite, with one client, so that what lies between two answers belongs to
the second. "Before" means that one call had ended when the other began.

Belongs here: running and judging. Not here: reading strace's lines (tests/syscalls.py).
"""

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from tests.harness.content import Content
from tests.harness.rows import OWN_FOLDER
from tests.harness.server import Server
from tests.harness.tus import Framing, Plan, Refused, TusClient, cut_somewhere
from tests.syscalls import SENDS, SYNCS, WRITES, Call, parse, strace_command, why_not

from .report import Outcome

MIB = 1 << 20
CHECKPOINT = 2 * MIB
MOST_DIRTY = CHECKPOINT + MIB
"""Bytes; a burst ends behind its checkpoint, and then the sync begins."""
SHOWN = 700
"""Bytes of each call that are kept: an answer's head must fit."""

_RESULT = re.compile(r"= (\d+)[^=]*$")
_ACCEPTED = re.compile(r"HTTP/1\.1 (20[014]) ")


def missing() -> str | None:
    """Why the server cannot be traced here; None when it can."""
    return why_not() or None


async def order_of_calls(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Measures nothing: strace makes everything slow."""
    dice = random.Random(outcome.seed)
    log = server.folder / "trace"
    server.wrapper = (*strace_command(log), "-s", str(SHOWN))
    server.settings = {**server.settings, "uploads.checkpoint_bytes": str(CHECKPOINT)}
    async with server:
        client = TusClient(address=server.address)
        for _ in range(runs):
            try:
                await _every_way_of_writing(client, dice)
            except Refused as refused:
                # The trace may still say why.
                outcome.broken("status", f"a client could not go on: {refused}")
                break
            outcome.runs += 1
    found = sorted(parse(log.read_text(errors="replace").splitlines()), key=lambda call: call.ended)
    answers = judge(found, server.data, outcome)
    outcome.remarks.append(f"{len(found)} calls, {answers} answers")
    return outcome


async def _every_way_of_writing(client: TusClient, dice: random.Random) -> None:
    """Each with another path through the server."""
    large = await client.create(Content(seed=dice.randrange(1 << 32), length=7 * MIB))
    await client.patch(large, Plan.whole(0, MIB))
    await client.patch_cut(large, cut_somewhere(dice, MIB, 4 * MIB, Framing.CHUNKED))
    await client.offset(large)
    await client.finish(large, step=7 * MIB, framing=Framing.CHUNKED)
    small = Content(seed=dice.randrange(1 << 32), length=1000)
    await client.create(small, body=Plan.whole(0, 1000))
    await client.create(small, body=Plan.whole(0, 400))
    await client.finish(await client.create(small), step=1000)
    await client.create(Content(seed=1, length=3 * MIB), body=Plan.whole(0, 3 * MIB, Framing.CHUNKED))
    await client.delete(large)


@dataclass(slots=True)
class _Span:
    """What happened between two answers."""

    writes: dict[str, Call] = field(default_factory=dict)
    """The last write to each file of an upload."""
    names: dict[str, Call] = field(default_factory=dict)
    """Files and folders that were made."""
    syncs: list[Call] = field(default_factory=list)
    log_writes: list[Call] = field(default_factory=list)
    log_syncs: list[Call] = field(default_factory=list)


def judge(found: Iterable[Call], data: Path, outcome: Outcome) -> int:
    """Report every answer and every commit that came too early; the number of answers."""
    answers, span = 0, _Span()
    dirty: dict[str, int] = {}
    known: set[str] = set()
    for call in found:
        _note(call, data, span, known)
        _note_dirty(call, data, dirty, outcome)
        if _tells_offset(call):
            answers += 1
            for problem in _too_early(call, span):
                outcome.broken("order", problem)
            span = _Span()
    return answers


def _note(call: Call, data: Path, span: _Span, known: set[str]) -> None:
    if call.name in SYNCS:
        (span.log_syncs if _is_log(call.path) else span.syncs).append(call)
    elif _is_log(call.path) and call.name in WRITES:
        span.log_writes.append(call)
    elif _is_upload(call.path, data) and call.name in WRITES:
        span.writes[call.path] = call
    if call.makes_a_name and _is_upload(call.path, data) and call.path not in known:
        known.add(call.path)
        span.names[call.path] = call


def _too_early(answer: Call, span: _Span) -> Iterator[str]:
    """What was not durable when the answer went out."""
    commits = [
        (write, sync) for write in span.log_writes for sync in span.log_syncs if write.ended < sync.began
    ]
    commits = [(write, sync) for write, sync in commits if sync.ended < answer.began]
    if not commits and not span.writes and " 200 " in answer.text:
        return  # HEAD of an upload that was at rest
    if not commits:
        yield f"line {answer.began}: an answer without a durable commit before it"
        return
    last_write = max(write.began for write, _ in commits)
    for path, write in span.writes.items():
        if not _synced(span.syncs, path, write.ended, last_write):
            yield f"line {answer.began}: {PurePath(path).name} was not synced before the commit"
    for path, made in span.names.items():
        if not _synced(span.syncs, str(PurePath(path).parent), made.ended, last_write):
            yield f"line {answer.began}: the folder of {PurePath(path).name} was not synced before the commit"


def _synced(syncs: Sequence[Call], path: str, after: int, before: int) -> bool:
    return any(sync.path == path and after < sync.began and sync.ended < before for sync in syncs)


def _note_dirty(call: Call, data: Path, dirty: dict[str, int], outcome: Outcome) -> None:
    """No commit while more than a checkpoint is unsynced, as of a server that commits before it syncs.

    Less may be dirty: the liveness of the worker is committed at any time, also just before a sync.
    """
    if call.name in SYNCS:
        dirty.pop(call.path, None)
    elif _is_upload(call.path, data) and call.name in WRITES:
        dirty[call.path] = dirty.get(call.path, 0) + _count(call)
    elif _is_log(call.path) and call.name in WRITES:
        for path, count in dirty.items():
            if count >= MOST_DIRTY:
                outcome.broken(
                    "order", f"line {call.began}: commit while {count} bytes of {path} are unsynced"
                )


def _tells_offset(call: Call) -> bool:
    """An answer from which a client learns where its upload is: a 201, or an Upload-Offset."""
    if call.name not in SENDS or not call.path.startswith(("socket:", "TCP")):
        return False
    accepted = _ACCEPTED.search(call.text)
    return accepted is not None and (accepted[1] == "201" or "upload-offset:" in call.text.lower())


def _count(call: Call) -> int:
    """Bytes that it wrote."""
    result = _RESULT.search(call.text)
    return int(result[1]) if result else 0


def _is_log(path: str) -> bool:
    """SQLite's write-ahead log, where a commit is made durable."""
    return path.endswith("-wal")


def _is_upload(path: str, data: Path) -> bool:
    """Below the data folder, but not the product's own, nor what it tries the folder with at start."""
    own = (f"{data / OWN_FOLDER}", f"{data}/~")
    return path.startswith(f"{data}/") and not path.startswith(own)
