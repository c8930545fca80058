"""Streams to the scanner: what they hold is given back, whenever they end."""

import asyncio
import time
from collections import Counter

from tusd_py.scanning.clamd import Clamd, Deadlines, Place
from tusd_py.scanning.prover import Prover, Standing
from tusd_py.scanning.streams import SAMPLE, Stream, StreamRules, Streams

RULES = StreamRules(most=1, rate=1, buffer=4 * SAMPLE, max_size=1 << 30, timeout=1e9)


class _Counted(Counter[str]):
    def scan_streamed(self, outcome: str) -> None:
        self[outcome] += 1

    def scanner_proven(self, *, is_proven: bool) -> None:
        self["proven"] += is_proven


def house(counted: _Counted) -> Streams:
    """Of a clamd that is not there."""
    deadlines = Deadlines(connect=1, send=1, verdict=1, total=1)
    clamd = Clamd(Place(socket="/nowhere/clamd", host="", port=0), deadlines)
    prover = Prover(clamd, max_size=1, every=1, max_age=0, clock=time.time, meter=counted)
    return Streams(clamd, prover, RULES, meter=counted, clock=time.monotonic)


async def test_a_stream_that_is_dropped_as_it_begins_gives_its_thread_back() -> None:
    counted = _Counted()
    streams = house(counted)
    stream = Stream(streams, "u", 2 * SAMPLE, Standing(engine="one", doubts=0))
    stream.feed(bytes(SAMPLE))
    # In one turn of the loop: it begins, and its upload is refused.
    asyncio.get_running_loop().call_soon(stream.close)
    await asyncio.sleep(0)
    assert counted == {"cut": 1}
    async with asyncio.timeout(5):
        while streams.scanning:
            await asyncio.sleep(0.001)
    assert streams.held.add(RULES.buffer), "nothing is held any more"
