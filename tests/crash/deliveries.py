"""Events on their way to a receiver that is down, slow, answers 500 and loses answers; and kill -9 of ours.

Belongs here: the case. Not here: the receiver (tests/harness/receiver.py).
"""

import asyncio
import json
import random
from collections.abc import Callable

from aiohttp import ClientError, ClientSession

from tests.harness.receiver import SECRET, How, Receiver
from tests.harness.rows import fetch
from tests.harness.server import Server

from .report import Outcome

SETTLED_WITHIN = 30.0
"""Seconds from the receiver's recovery to the last event."""
MET_WITHIN = 90.0
"""Seconds. A relay whose holder was killed has another when the lease is over (outbox/relay.py)."""
AT_ONCE = 4
MOODS = {
    How.TAKE: 60,
    How.SLOWLY: 10,
    How.FAIL: 10,
    How.BUSY: 5,
    How.AWAY: 5,
    How.HANG: 2,
    How.LOSE_ANSWER: 5,
}
"""How often the receiver behaves in which way."""
REFUSALS = 3
"""Before it recovers. A relay that is told of them asks only now and then."""


async def through_faults(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """`runs` events, of half as many uploads. Measures from the receiver's recovery to the last one."""
    dice = random.Random(outcome.seed)
    receiver = Receiver(slow=0.2)
    _point_at(server, receiver)
    await server.start()
    async with receiver:
        receiver.choose = lambda _: dice.choices(list(MOODS), list(MOODS.values()))[0]
        await _upload(server, runs // 4)
        await _until(lambda: _is_in_the_midst(receiver, runs), "every mood of the receiver")
        await receiver.stop()
        await server.kill9()
        told_before = server.log.count("relay.down")
        await server.start()
        await _upload(server, runs // 2 - runs // 4)
        await _until(lambda: server.log.count("relay.down") > told_before, "that the receiver is down")
        refused_before = receiver.met[How.FAIL]
        receiver.choose = lambda _: How.FAIL
        await receiver.start()
        await _until(lambda: receiver.met[How.FAIL] >= refused_before + REFUSALS, "refusals")
        began, before = asyncio.get_running_loop().time(), len(set(receiver.ids()))
        receiver.choose = lambda _: How.TAKE
        await _until_told(server, receiver)
        outcome.measured(asyncio.get_running_loop().time() - began, SETTLED_WITHIN, "delivering the rest")
    await _judge(server, receiver, outcome)
    twice = len(receiver.taken) - len(set(receiver.ids()))
    met = ", ".join(f"{count} {how.value}" for how, count in receiver.met.items())
    outcome.remarks.append(f"{met}; {before} events came before the recovery, {twice} twice")
    outcome.runs = runs
    return outcome


def _point_at(server: Server, receiver: Receiver) -> None:
    endpoints = [{"name": "crash", "url": receiver.url, "secret": SECRET}]
    server.settings = {
        **server.settings,
        "webhooks.endpoints": json.dumps(endpoints),
        "webhooks.allow_networks": "127.0.0.0/8",
        "webhooks.timeout": "1s",
        "webhooks.longest_pause": "2s",
        "webhooks.attempts": "10000",
    }


def _is_in_the_midst(receiver: Receiver, runs: int) -> bool:
    """Each way of failing was met, and an eighth of what is to be sent came."""
    return len(receiver.met) == len(MOODS) and len(set(receiver.ids())) >= runs // 8


async def _until(is_so: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(MET_WITHIN):
            while not is_so():
                await asyncio.sleep(0.05)
    except TimeoutError as late:
        raise AssertionError(f"{what}: not met within {MET_WITHIN:.0f} s, so that nothing is shown") from late


async def _upload(server: Server, count: int) -> None:
    left = list(range(count))

    async def client() -> None:
        async with ClientSession() as session:
            while left:
                left.pop()
                await _upload_one(session, server)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(client())


async def _upload_one(session: ClientSession, server: Server) -> None:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": "5",
        "Content-Type": "application/offset+octet-stream",
    }
    while True:
        try:
            async with session.post(server.files_url, headers=headers, data=b"hello") as answer:
                if answer.status == 201:
                    return
        except ClientError:
            await asyncio.sleep(0.1)


async def _until_told(server: Server, receiver: Receiver) -> None:
    (row,) = await fetch(server, "SELECT count(*) AS n FROM events")
    async with asyncio.timeout(SETTLED_WITHIN * 4):
        while len(set(receiver.ids())) < row["n"]:
            await asyncio.sleep(0.05)


async def _judge(server: Server, receiver: Receiver, outcome: Outcome) -> None:
    rows = await fetch(server, "SELECT subject, kind FROM events ORDER BY id")
    wanted = [(row["subject"], row["kind"]) for row in rows]
    for subject in receiver.out_of_order(wanted):
        outcome.broken("order", f"events of {subject} did not come in order")
    if len(set(receiver.ids())) != len(wanted):
        outcome.broken("lost", f"{len(set(receiver.ids()))} of {len(wanted)} events came")
    if receiver.forged:
        outcome.broken("signature", f"{receiver.forged} requests without a good signature")
    bodies: dict[str, bytes] = {}
    for one in receiver.taken:
        if bodies.setdefault(one.id, one.body) != one.body:
            outcome.broken("id", f"{one.id} came with two bodies")
    if len({(one.subject, one.kind) for one in receiver.taken}) != len(set(receiver.ids())):
        outcome.broken("id", "an event came under two ids")
