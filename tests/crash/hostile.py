"""Hostile input: malformed headers by the thousand, foreign ids, bombs. Nothing changes, nothing breaks.

Every answer must be a refusal below 500 (or an acceptance of what is, after all, legal), every one with
`Tus-Resumable`; the log may hold no traceback; the uploads that were there before are as they were.

Belongs here: sending and judging. Not here: what is sent (attacks.py), what must be accepted (conformance/).
"""

import contextlib
import itertools
import random

from tests.harness.checker import check_invariants
from tests.harness.content import Content
from tests.harness.ledger import Tracked
from tests.harness.server import Server
from tests.harness.tus import Plan, TusClient
from tests.harness.wire import Address, Answer, Connection, NoAnswer, head_of, request

from .attacks import Attack, attacks
from .report import Outcome


async def hostile_input(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Measures each answer."""
    dice = random.Random(outcome.seed)
    client = TusClient(address=server.address)
    victims = [await _victim(client, number) for number in range(4)]
    before = [await client.offset(victim) for victim in victims]
    offered = (await request(server.address, "OPTIONS", "/files/")).headers["tus-extension"]
    for attack in itertools.islice(attacks(dice, victims, frozenset(offered.split(","))), runs):
        answer = await _sent(server.address, attack)
        _judge(attack, answer, outcome)
        outcome.runs += 1
    if [await client.offset(victim) for victim in victims] != before:
        outcome.broken("state", "an offset has changed")
    await check_invariants(client.ledger, server)
    if server.first_traceback:
        outcome.broken("log", server.first_traceback)
    return outcome


async def _victim(client: TusClient, number: int) -> Tracked:
    """An upload at half its length."""
    tracked = await client.create(Content(seed=number, length=1000))
    await client.patch(tracked, Plan.whole(0, 500))
    return tracked


def _judge(attack: Attack, answer: Answer | None, outcome: Outcome) -> None:
    shown = f"{attack.method} {attack.target[:80]!r} {[(n, v[:60]) for n, v in attack.headers]}"
    if answer is None:
        outcome.broken("answer", f"no answer to {shown}")
        return
    outcome.seconds.append(answer.seconds)
    if answer.status >= 500:
        outcome.broken("status", f"{answer.status} to {shown}")
    if attack.method != "OPTIONS" and answer.headers.get("tus-resumable") != "1.0.0":
        outcome.broken("header", f"{answer.status} without Tus-Resumable to {shown}")


async def _sent(address: Address, attack: Attack) -> Answer | None:
    host = ("Host", f"{address.host}:{address.port}")
    length = (("Content-Length", str(len(attack.body))),) if attack.body else ()
    head = head_of(attack.method, attack.target, [host, *attack.headers, *length, ("Connection", "close")])
    async with await Connection.open(address) as connection:
        # An early refusal may cut the sending; its answer is still to be read.
        with contextlib.suppress(ConnectionError):
            await connection.send(head, attack.body)
        try:
            return await connection.answer(attack.method)
        except NoAnswer:
            return None
