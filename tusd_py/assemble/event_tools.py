"""The commands about events: `events` and `webhooks`. A server may run meanwhile.

Belongs here: opening the database, printing. Not here: the log and the relays (metadata/).
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tusd_py.config.settings import Settings
from tusd_py.errors import Mistyped
from tusd_py.metadata.database import Database
from tusd_py.metadata.event_log import BadCursor, Event, Sought, find_events, newest
from tusd_py.metadata.facts import IDENTITY, FactRows
from tusd_py.metadata.relays import Delivery, DeliveryState, RelayRows
from tusd_py.outbox.message import as_json
from tusd_py.server.operator import all_events, delivery_as_json, parse_time
from tusd_py.timestamps import rfc3339

from .operator import FAILED, PAGE, opened_database
from .printing import as_line, say

_RELAYS = ("RELAY", "WAITING", "DEAD", "HELD BY")
_DELIVERIES = ("DELIVERY", "RELAY", "STATE", "TRIES", "EVENT", "KIND", "LAST ERROR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What an operator looks for, as it was typed."""

    actor: str = ""
    kind: str = ""
    subject: str = ""
    since: str = ""
    until: str = ""


def tail_events(
    settings: Settings, looked: Looked, *, count: int, after: str | None, follow: bool, lines: bool
) -> int:
    """Print the last `count` events, or those behind `after`; with `follow` also what comes.

    Raises Refused.
    """

    async def run() -> int:
        sought = _sought(looked)
        async with _opened(settings) as (database, installation):
            events, cursor = await _last(database, sought, count=count, after=after)
            while True:
                for event in events:
                    say(json.dumps(as_json(event, installation)) if lines else _line(event))
                sys.stdout.flush()  # somebody may wait for them at the other end of a pipe
                cursor = events[-1].cursor if events else cursor
                if not follow and (after is None or len(events) < PAGE):
                    return 0
                if len(events) < PAGE:
                    await asyncio.sleep(settings.events.look_interval)
                events = await find_events(database, sought, cursor, limit=PAGE)

    return _run(run())


async def _last(
    database: Database, sought: Sought, *, count: int, after: str | None
) -> tuple[Sequence[Event], str]:
    """To begin with, and where to go on if there is none."""
    if after is not None:
        return await find_events(database, sought, after, limit=PAGE), after
    here = await newest(database)
    found = await find_events(database, sought, limit=max(count, 1), newest_first=True) if count else []
    return list(reversed(found)), here


def export_events(settings: Settings, looked: Looked) -> int:
    """Print every event as a line of JSON. Raises Refused."""

    async def run() -> int:
        async with _opened(settings) as (database, installation):
            async for page in all_events(database, _sought(looked)):
                for event in page:
                    say(json.dumps(as_json(event, installation)))
        return 0

    return _run(run())


def list_webhooks(settings: Settings, *, lines: bool) -> int:
    """Print where each way out is, and what was not taken."""

    async def run() -> int:
        async with _opened(settings) as (database, _):
            rows = RelayRows(database)
            standings = await rows.standings()
            deliveries = [one async for one in _deliveries(rows)]
        if lines:
            relays = [
                {"name": one.name, "waiting": one.waiting, "dead": one.dead, "held_by": one.holder}
                for one in standings
            ]
            say(json.dumps({"relays": relays, "deliveries": [delivery_as_json(one) for one in deliveries]}))
            return 0
        say("\t".join(_RELAYS))
        for one in standings:
            say("\t".join((one.name, str(one.waiting), str(one.dead), one.holder or "-")))
        if deliveries:
            say("")
            say("\t".join(_DELIVERIES))
            for delivery in deliveries:
                say(_delivery_line(delivery))
        return 0

    return _run(run())


def redeliver(settings: Settings, named: Sequence[str], *, everything: bool) -> int:
    """Have deliveries that were given up sent once more; 0 when all that were named will be."""

    async def run() -> int:
        left = 0
        async with _opened(settings) as (database, _):
            rows = RelayRows(database)
            chosen = named
            if everything:
                chosen = [str(one.id) async for one in _deliveries(rows, DeliveryState.DEAD)]
            for name in chosen:
                is_done = name.isascii() and name.isdecimal() and await rows.again(int(name[:18]))
                left += not is_done
                said = "it will be sent" if is_done else "there is no such delivery that was given up"
                say(f"{name}: {said}")
        return FAILED if left else 0

    return _run(run())


async def _deliveries(rows: RelayRows, state: DeliveryState | None = None) -> AsyncIterator[Delivery]:
    after = 0
    while page := await rows.page(after=after, limit=PAGE, state=state):
        for delivery in page:
            yield delivery
        after = page[-1].id


def _run(main: Coroutine[None, None, int]) -> int:
    try:
        return asyncio.run(main)
    except BadCursor as bad:
        raise Mistyped(f"--after: {bad}") from bad


def _sought(looked: Looked) -> Sought:
    return Sought(
        actor=looked.actor,
        kind=looked.kind,
        subject=looked.subject,
        since=_time("--from", looked.since),
        until=_time("--to", looked.until),
    )


def _time(option: str, text: str) -> int | None:
    try:
        return parse_time(text) if text else None
    except (ValueError, OverflowError):
        raise Mistyped(f"{option} is {text!r}, wanted a time such as 2026-01-31T12:00:00Z") from None


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Database, str]]:
    async with opened_database(settings) as database:
        yield database, await FactRows(database).get(IDENTITY) or ""


def _line(event: Event) -> str:
    facts = " ".join(f"{name}={value}" for name, value in event.data.items() if value is not None)
    cells = (rfc3339(event.created_at), event.kind, event.subject, event.actor, facts)
    return as_line(cells)


def _delivery_line(delivery: Delivery) -> str:
    message = delivery.message
    cells = (str(delivery.id), delivery.relay, delivery.state, str(delivery.tries), message.id, message.kind)
    return as_line((*cells, delivery.last_error))
