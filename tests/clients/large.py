"""Files of 3 GiB by real clients, broken off at random bytes and resumed.

The content that comes back has the SHA-256 of what was sent, the upload was never begun again, and no
worker ever held more than 120 MiB.

Belongs here: the long runs that `make crash` starts. Not here: the small ones (test_*.py).
"""

import asyncio
import random
import time
from collections.abc import Sequence

from tests.crash.report import Outcome
from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.server import Server

from .foreign import MIB, Tuspy, Variant, tus_js_client
from .foreign import Outcome as Found

LENGTH = 3072 * MIB + 12_345
"""No multiple of a chunk: see Variant.deferred."""
MEMORY = 120 * MIB
BREAKS = 4
VARIANTS: Sequence[Variant] = (
    Variant(name="one chunked body, cut", cuts=BREAKS),
    Variant(name="chunks, cut", cuts=BREAKS, chunk_size=64 * MIB),
    Variant(name="given up and resumed", aborts=BREAKS),
    Variant(name="deferred length, cut", cuts=BREAKS, deferred=True, stream=True, chunk_size=32 * MIB),
    Variant(name="data in the creation, cut", cuts=BREAKS, during_creation=True, chunk_size=64 * MIB),
)


async def by_tus_js_client(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Measures a whole upload."""
    content = Content(seed=outcome.seed, length=LENGTH)
    path = await asyncio.to_thread(content.write_to, server.folder / "content.bin")
    dice = random.Random(outcome.seed)
    for number in range(runs):
        for variant in VARIANTS:
            state = server.folder / f"{variant.name}.{number}.json"
            began = time.monotonic()
            found = await tus_js_client(variant, server.files_url, path, state, _breaks(dice))
            outcome.seconds.append(time.monotonic() - began)
            outcome.runs += 1
            _judge(found, variant, outcome)
            await _compare(server, found.url, content, variant.name, outcome)
    _weigh(server, outcome)
    return outcome


def _judge(found: Found, variant: Variant, outcome: Outcome) -> None:
    """The client was broken off as told, and never began again."""
    if found.statuses["POST 201"] != 1:
        outcome.broken("resume", f"{variant.name}: begun {found.statuses['POST 201']} times")
    if (found.cuts, found.aborts) != (variant.cuts, variant.aborts):
        outcome.broken("resume", f"{variant.name}: {found.cuts} cuts and {found.aborts} aborts happened")


async def by_tuspy(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Measures a whole upload, in chunks and broken off between them."""
    content = Content(seed=outcome.seed, length=LENGTH)
    path = await asyncio.to_thread(content.write_to, server.folder / "content.bin")
    dice = random.Random(outcome.seed)
    for number in range(runs):
        client = Tuspy(
            endpoint=server.files_url,
            path=path,
            memory=server.folder / f"tuspy.{number}.json",
            chunk_size=64 * MIB,
        )
        began = time.monotonic()
        urls = {await asyncio.to_thread(client.upload, stop) for stop in (*_breaks(dice), None)}
        outcome.seconds.append(time.monotonic() - began)
        outcome.runs += 1
        if len(urls) != 1:
            outcome.broken("resume", f"tuspy: begun {len(urls)} times")
        await _compare(server, urls.pop(), content, "tuspy", outcome)
    _weigh(server, outcome)
    return outcome


def _breaks(dice: random.Random) -> tuple[int, ...]:
    return tuple(sorted(dice.sample(range(1, LENGTH), BREAKS)))


async def _compare(server: Server, url: str, content: Content, name: str, outcome: Outcome) -> None:
    found = await download(server.address, url.removeprefix(server.address.url))
    if found != (200, content.length, content.sha256()):
        outcome.broken("I3", f"{name}: status {found[0]}, {found[1]} bytes, SHA-256 {found[2]}")


def _weigh(server: Server, outcome: Outcome) -> None:
    peak = server.memory_peak()
    outcome.remarks.append(f"peak RSS {peak / MIB:.0f} MiB")
    if peak > MEMORY:
        outcome.broken("memory", f"a worker held {peak / MIB:.0f} MiB, the limit is {MEMORY / MIB:.0f} MiB")
