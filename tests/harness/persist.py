"""A client that does not give up, and what must hold when it is done.

Belongs here: that. Not here: single requests (tus.py), faults.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .content import Content
from .ledger import Tracked
from .server import Server
from .tus import Plan, Refused, TusClient
from .wire import NoAnswer, request

MIB = 1 << 20
GONE = 410


async def persist(client: TusClient, dice: random.Random, content: Content) -> Tracked:
    """Upload it in requests of random size, some cut; every refusal that may pass is tried again.

    Raises Refused for 410: bytes are lost, and the server says so.
    """
    tracked = None
    while tracked is None:
        with _may_pass():
            tracked = await client.create(content)
    while not tracked.finished:
        with _may_pass():
            start = await client.offset(tracked)
            stop = min(content.length, start + dice.choice([1, 300_000, 3 * MIB, 9 * MIB, 30 * MIB]))
            if start == stop:
                break
            if dice.random() < 0.2:
                reach = dice.randint(start, stop - 1)
                await client.patch_cut(tracked, Plan(start=start, stop=stop, reach=reach))
            else:
                await client.patch(tracked, Plan.whole(start, stop))
    return tracked


@contextmanager
def _may_pass() -> Iterator[None]:
    try:
        with suppress(NoAnswer, ConnectionError):
            yield
    except Refused as refused:
        if refused.answer.status == GONE:
            raise


async def everything_is_stored(server: Server, client: TusClient, within: float = 60.0) -> None:
    """The finish jobs are done."""
    async with asyncio.timeout(within):
        for tracked in client.ledger.uploads.values():
            while (await request(server.address, "GET", tracked.target)).status != 200:
                await asyncio.sleep(0.2)


async def same_as_sent(server: Server, client: TusClient) -> None:
    """Every upload of this client, and everything that it was told."""
    assert client.ledger.violations == []
    for tracked in client.ledger.uploads.values():
        answer = await request(server.address, "GET", tracked.target)
        assert answer.status == 200, (tracked.target, answer.status)
        assert len(answer.body) == tracked.content.length
        assert tracked.content.matches(0, answer.body)
