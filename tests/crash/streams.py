"""A large file that is scanned while it arrives: when it is ready, and what was read back from storage.

Belongs here: that case. Not here: everything else about scanning (scans.py).
"""

import asyncio
import json
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tests.harness.scanned import Sent, scanning_settings, until_proven, until_verdict, verdicts_told
from tests.harness.server import DidNotHappen, Server
from tests.harness.suspects import Suspect
from tests.harness.tus import BYTES, RESUMABLE
from tests.harness.wire import Connection, head_of, request
from tests.services.clamd import ClamdMissing, find_program, temporary_clamd
from tests.services.programs import why_missing
from tests.syscalls import why_not

from .report import Outcome

MIB = 1 << 20
LENGTH = 256 * MIB
LIMIT = str(LENGTH + 4 * MIB)
RATE = 16 * MIB
"""Bytes per second of the sender, an eighth of a gigabit: one that clamd can follow on two busy cores."""
BEYOND_CLAMD = 0.2
"""Seconds."""
READS = "read,pread64,preadv,preadv2,sendfile,splice,copy_file_range,mmap"


def missing() -> str | None:
    """Why this cannot run here."""
    return why_missing(find_program, ClamdMissing) or why_not() or None


async def large_file_while_it_arrives(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """`runs` files of 256 MiB, one more under strace. Measures from clamd's answer to the commit."""
    dice = random.Random(outcome.seed)
    content = b"".join(dice.randbytes(MIB) for _ in range(LENGTH // MIB))
    with temporary_clamd(dict.fromkeys(("StreamMaxLength", "MaxFileSize", "MaxScanSize"), LIMIT)) as clamd:
        server.settings = {
            **server.settings,
            **scanning_settings(clamd.socket),
            "scan.max_size": str(LENGTH),
            "scan.prove_interval": "1h",
            "log.level": "debug",
        }
        await server.start()
        await until_proven(server, 120)
        for _ in range(runs):
            sent, seconds = await _ready_after(server, outcome, content)
            _judge_time(server, outcome, sent, seconds)
            outcome.runs += 1
        with _reads_of(server) as log:
            await _ready_after(server, outcome, content)
        _judge_reads(outcome, log, server.data)
    return outcome


def _judge_time(server: Server, outcome: Outcome, sent: Sent, seconds: float) -> None:
    """The log says how far clamd was behind at the last byte, how long it took for its answer after the end
    mark, and when the verdict was committed. What is not clamd's own time is ours."""
    told = {
        event["event"]: event
        for event in map(json.loads, filter(_is_event, server.log.splitlines()))
        if event.get("upload") == sent.id
    }
    heard, done = told["scan.stream_heard"], told["scan.done"]
    moments = [datetime.fromisoformat(one["timestamp"]) for one in (heard, done)]
    behind, after = heard["behind"], (moments[1] - moments[0]).total_seconds()
    outcome.measured(behind + after, BEYOND_CLAMD, "what comes beside clamd's own time")
    outcome.remarks.append(
        f"ready {seconds:.2f} s after the last byte: {behind:.3f} s until clamd had all of it, "
        f"{heard['after_end']:.2f} s clamd, {after:.3f} s until the verdict was committed"
    )


def _is_event(line: str) -> bool:
    return line.startswith("{")


async def _ready_after(server: Server, outcome: Outcome, content: bytes) -> tuple[Sent, float]:
    """Upload it in one sitting; seconds from the last byte to the verdict in the row."""
    headers = [RESUMABLE, ("Upload-Length", str(len(content)))]
    made = await request(server.address, "POST", "/files/", headers)
    suspect = Suspect(kind="256 MiB", content=content, verdict="clean")
    sent = Sent(suspect=suspect, target="/files/" + made.headers["location"].rpartition("/")[2])
    host = f"{server.address.host}:{server.address.port}"
    headers = [("Host", host), RESUMABLE, BYTES, ("Upload-Offset", "0")]
    headers.append(("Content-Length", str(len(content))))
    async with await Connection.open(server.address) as connection:
        await connection.send(head_of("PATCH", sent.target, headers))
        began = time.monotonic()
        for at in range(0, len(content), MIB):
            await connection.send(memoryview(content)[at : at + MIB])
            await asyncio.sleep(max(0.0, began + at / RATE - time.monotonic()))
        ended = time.monotonic()
        answer = await connection.answer("PATCH")
    if answer.status != 204:
        raise DidNotHappen(f"PATCH: {answer.status} {answer.body!r}")
    await until_verdict(server, sent, "clean", 120)
    seconds = time.monotonic() - ended
    if f'"upload": "{sent.id}", "outcome": "used"' not in server.log:
        outcome.broken("stream", f"{sent.id} was not scanned while it arrived:\n{server.log[-1000:]}")
    if (await verdicts_told(server)).get(sent.id) != 1:
        outcome.broken("I4", f"{sent.id} has not one verdict event")
    return sent, seconds


@contextmanager
def _reads_of(server: Server) -> Iterator[Path]:
    """What the server reads meanwhile, by strace."""
    log = server.folder / "reads"
    pids = [f"--attach={pid}" for pid in server.worker_pids()]
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-s", "0", "-e", f"trace={READS}", "-o", str(log), *pids],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        assert tracer.stderr is not None
        tracer.stderr.readline()  # it says that it is attached
        yield log
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)
        if tracer.stderr is not None:
            tracer.stderr.close()


def _judge_reads(outcome: Outcome, log: Path, data: Path) -> None:
    lines = log.read_text(errors="replace").splitlines()
    own = data / ".tusd"
    back = [line for line in lines if f"<{data}/" in line and f"<{own}" not in line]
    for line in back[:3]:
        outcome.broken("read back", line)
    outcome.remarks.append(f"{len(lines)} reads traced, {len(back)} of stored files")
