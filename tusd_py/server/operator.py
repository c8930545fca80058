"""`/api/v1/admin/`: what anybody did, and how other systems are told of it.

An admin sees what belongs to the tenant; who is admin of all tenants sees everything.

Belongs here: routes for operators about events. Not here: the log and the relays (metadata/).
"""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from aiohttp import hdrs, web

from protocol.errors import InvalidQuery, NotFound
from tusd_py.access.authorize import Action, oversees
from tusd_py.access.identity import Identity
from tusd_py.metadata.database import Database
from tusd_py.metadata.event_log import BadCursor, Event, Sought, find_events, newest, place_of
from tusd_py.metadata.relays import Delivery, DeliveryState, RelayRows
from tusd_py.outbox.message import as_json

from .identify import Identify
from .json_bodies import json_response, rfc3339
from .route import Parameter, Reply, Route
from .schemas import TIME

USUAL, MOST = 100, 1000
"""Rows of a page."""
LINES = ("application/jsonl", "application/x-ndjson")
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_LONGEST = 200
"""Characters of what is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Answers operators."""

    identify: Identify
    database: Database
    installation: str
    relays: Sequence[str]
    """The names of those that are configured."""

    async def events(self, request: web.Request) -> web.StreamResponse:
        """A page of the log, or all of it as lines."""
        sought = replace(_sought(request), tenant=_tenant(await self.identify(request)))
        accepted = request.headers.get(hdrs.ACCEPT, "")
        try:
            if any(kind in accepted for kind in LINES):
                return await self._as_lines(request, sought)
            return await self._as_page(request, sought)
        except BadCursor as bad:
            raise InvalidQuery(f"cursor: {bad}") from None

    async def _as_page(self, request: web.Request, sought: Sought) -> web.Response:
        limit = _limit(request)
        order = request.query.get("order", "oldest")
        if order not in ("oldest", "newest"):
            raise InvalidQuery(f"order is {order!r}, wanted 'oldest' or 'newest'")
        cursor = request.query.get("cursor", "")
        events = await find_events(self.database, sought, cursor, limit=limit, newest_first=order == "newest")
        return json_response(
            {
                "events": [as_json(event, self.installation) for event in events],
                "next": events[-1].cursor if len(events) == limit else None,
            }
        )

    async def _as_lines(self, request: web.Request, sought: Sought) -> web.StreamResponse:
        """Every event that there is now; what comes meanwhile is not waited for."""
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: LINES[0], hdrs.CACHE_CONTROL: "no-store"})
        pages = all_events(self.database, sought, request.query.get("cursor", ""))
        first: Sequence[Event] = await anext(pages, [])
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=response.headers)
        await response.prepare(request)
        await response.write(self._lines(first))
        async for page in pages:
            await response.write(self._lines(page))
        await response.write_eof()
        return response

    def _lines(self, events: Sequence[Event]) -> bytes:
        return b"".join(json.dumps(as_json(one, self.installation)).encode() + b"\n" for one in events)

    async def webhooks(self, request: web.Request) -> web.Response:
        """Every way out, for who oversees them, and a page of what was not taken."""
        identity = await self.identify(request)
        tenant = _tenant(identity)
        rows = RelayRows(self.database)
        limit, after = _limit(request), request.query.get("cursor", "0")
        state = request.query.get("state", "")
        if not _NUMBER.fullmatch(after):
            raise InvalidQuery(f"cursor is {after!r}, which none of our answers gave")
        if state and state not in set(DeliveryState):
            raise InvalidQuery(f"state is {state!r}, wanted {', '.join(DeliveryState)}")
        page = await rows.page(
            after=int(after),
            limit=limit,
            tenant=tenant,
            state=DeliveryState(state) if state else None,
            relay=_name(request.query, "relay"),
        )
        # How far everybody's events are is nothing for the admin of one tenant.
        named = self.relays if oversees(identity) else ()
        standings = [one for one in await rows.standings() if one.name in named]
        return json_response(
            {
                "relays": [
                    {
                        "name": one.name,
                        "cursor": one.cursor,
                        "waiting": one.waiting,
                        "dead": one.dead,
                        "held_by": one.holder,
                    }
                    for one in standings
                ],
                "deliveries": [delivery_as_json(one) for one in page],
                "next": str(page[-1].id) if len(page) == limit else None,
            }
        )

    async def redeliver(self, request: web.Request) -> web.Response:
        """Have one that was given up sent again."""
        tenant = _tenant(await self.identify(request))
        named = request.match_info["delivery_id"]
        rows = RelayRows(self.database)
        if not _NUMBER.fullmatch(named) or not await rows.again(int(named), tenant=tenant):
            raise NotFound("there is no such delivery among those that were given up")
        return json_response({"delivery_id": named, "state": DeliveryState.AGAIN}, status=202)


async def all_events(database: Database, sought: Sought, cursor: str = "") -> AsyncIterator[Sequence[Event]]:
    """Pages of the log up to where it is now. Raises BadCursor at the first."""
    end = place_of(await newest(database))
    while page := await find_events(database, sought, cursor, limit=MOST):
        yield [event for event in page if place_of(event.cursor) <= end]
        cursor = page[-1].cursor
        if place_of(cursor) >= end:
            return


def delivery_as_json(delivery: Delivery) -> dict[str, Any]:
    """Without the message, which may be of any size."""
    return {
        "delivery_id": str(delivery.id),
        "relay": delivery.relay,
        "event_id": delivery.message.id,
        "type": delivery.message.kind,
        "upload_id": delivery.message.subject,
        "state": delivery.state,
        "tries": delivery.tries,
        "last_error": delivery.last_error,
        "failed_since": rfc3339(delivery.created_at),
        "next_try": rfc3339(delivery.due_at) if delivery.state is not DeliveryState.DEAD else None,
    }


def _tenant(identity: Identity) -> str | None:
    return None if identity.is_super else identity.tenant


def _sought(request: web.Request) -> Sought:
    query = request.query
    return Sought(
        actor=_name(query, "actor"),
        kind=_name(query, "kind"),
        subject=_name(query, "subject"),
        file_id=_name(query, "file_id"),
        since=_time(request, "from"),
        until=_time(request, "to"),
    )


def _name(query: Mapping[str, str], name: str) -> str:
    value = query.get(name, "")
    if len(value) > _LONGEST or not value.isprintable():
        raise InvalidQuery(f"{name} is too long, or not printable")
    return value


def parse_time(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 time; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def _time(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        # A plus that nobody escaped is a blank in a query.
        return parse_time(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        raise InvalidQuery(f"{name} is {text!r}, wanted a time as in RFC 3339") from None


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(USUAL))
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MOST:
        raise InvalidQuery(f"limit is {text!r}, wanted a number from 1 to {MOST}")
    return int(text)


EVENT = {
    "type": "object",
    "required": ["id", "type", "timestamp", "cursor", "data"],
    "properties": {
        "id": {"type": "string", "description": "The same at every reading."},
        "type": {"type": "string"},
        "timestamp": TIME,
        "cursor": {"type": "string"},
        "data": {"type": "object"},
    },
}
_NEXT = {"type": ["string", "null"], "description": "The cursor of the next page."}
_TEXT = {"type": "string", "maxLength": _LONGEST}
_PAGE = (
    Parameter(name="cursor", description="Go on behind it.", schema={"type": "string"}),
    Parameter(
        name="limit",
        description="Rows of a page.",
        schema={"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
    ),
)

OPERATOR_ROUTES = (
    Route(
        method="GET",
        path="/api/v1/admin/events",
        name="list_events",
        handle=Operator.events,
        action=Action.OPERATE,
        summary="Who did what and when; as JSON lines where Accept asks for application/jsonl",
        parameters=(
            Parameter(name="actor", description="Who did it.", schema=_TEXT),
            Parameter(name="kind", description="What; `*` stands for anything.", schema=_TEXT),
            Parameter(name="subject", description="The id of an upload, or of a link.", schema=_TEXT),
            Parameter(name="file_id", description="About this file.", schema=_TEXT),
            Parameter(name="from", description="Not before.", schema=TIME),
            Parameter(name="to", description="Before.", schema=TIME),
            Parameter(
                name="order",
                description="Which come first.",
                schema={"type": "string", "enum": ["oldest", "newest"]},
            ),
            *_PAGE,
        ),
        replies={
            200: Reply(
                description="A page of the log.",
                schema={
                    "type": "object",
                    "required": ["events", "next"],
                    "properties": {"events": {"type": "array", "items": EVENT}, "next": _NEXT},
                },
            )
        },
    ),
    Route(
        method="GET",
        path="/api/v1/admin/webhooks",
        name="list_webhooks",
        handle=Operator.webhooks,
        action=Action.OPERATE,
        summary="How far other systems are with the events, and what they did not take",
        parameters=(
            Parameter(
                name="state",
                description="Only these deliveries.",
                schema={"type": "string", "enum": list(DeliveryState)},
            ),
            Parameter(name="relay", description="Only those of one way out.", schema=_TEXT),
            *_PAGE,
        ),
        replies={
            200: Reply(
                description="Relays, and a page of deliveries.",
                schema={
                    "type": "object",
                    "required": ["relays", "deliveries", "next"],
                    "properties": {
                        "relays": {"type": "array", "items": {"type": "object"}},
                        "deliveries": {"type": "array", "items": {"type": "object"}},
                        "next": _NEXT,
                    },
                },
            )
        },
    ),
    Route(
        method="POST",
        path="/api/v1/admin/webhooks/{delivery_id}/redeliver",
        name="redeliver",
        handle=Operator.redeliver,
        action=Action.OPERATE,
        hides=True,
        summary="Send an event once more that was given up",
        parameters=(
            Parameter(
                name="delivery_id",
                where="path",
                description="As the list of deliveries names it.",
                schema={"type": "string", "pattern": "^[0-9]{1,18}$"},
            ),
        ),
        replies={202: Reply(description="It will be sent.", schema={"type": "object"})},
    ),
)
