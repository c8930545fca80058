"""Events on their way to a receiver that is down, slow, answers 500 and loses answers; and kill -9 of ours.

Belongs here: the case. Not here: the receiver (tests/harness/receiver.py).
"""

import asyncio
import json
import random

from aiohttp import ClientError, ClientSession

from tests.harness.receiver import SECRET, How, Receiver
from tests.harness.rows import fetch
from tests.harness.server import Server

from .report import Outcome

SETTLED_WITHIN = 30.0
"""Seconds from the receiver's recovery to the last event."""
AT_ONCE = 4


async def through_faults(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """`runs` events, of half as many uploads. Measures from the receiver's recovery to the last one."""
    dice = random.Random(outcome.seed)
    receiver = Receiver(slow=0.2)
    endpoints = [{"name": "crash", "url": receiver.url, "secret": SECRET}]
    server.settings = {
        **server.settings,
        "webhooks.endpoints": json.dumps(endpoints),
        "webhooks.allow_networks": "127.0.0.0/8",
        "webhooks.timeout": "1s",
        "webhooks.longest_pause": "2s",
        "webhooks.attempts": "10000",
    }
    receiver.choose = lambda _: dice.choices(list(How), (60, 10, 10, 5, 5, 1, 5))[0]
    await server.start()
    async with receiver:
        await _upload(server, runs // 4)
        await receiver.stop()
        await server.kill9()
        await server.start()
        await _upload(server, runs // 2 - runs // 4)
        receiver.choose = lambda _: How.FAIL
        await receiver.start()
        await asyncio.sleep(2)
        began, before = asyncio.get_running_loop().time(), len(set(receiver.ids()))
        receiver.choose = lambda _: How.TAKE
        await _until_told(server, receiver)
        outcome.measured(asyncio.get_running_loop().time() - began, SETTLED_WITHIN, "delivering the rest")
    await _judge(server, receiver, outcome)
    twice = len(receiver.taken) - len(set(receiver.ids()))
    outcome.remarks.append(f"{receiver.asked} requests, {before} taken before recovery, {twice} twice")
    outcome.runs = runs
    return outcome


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
