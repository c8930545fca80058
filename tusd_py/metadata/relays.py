"""How far other systems are with our events, and what they did not take.

A relay is one way out. Its cursor says up to where the log was dealt with: each event before it was taken, is
not wanted there, or has a row in `deliveries`. One worker at a time holds a relay; whatever it writes names
the epoch in which it does, so that one that was overtaken changes nothing.

Belongs here: the rows. Not here: delivering (outbox/).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .database import Database, Query, Row, Script
from .upload_row import NOT_BURIED

BITE = 500
"""Deliveries forgotten by one commit, which clients' commits wait for."""

_CREATE = """
    INSERT INTO relays (name, cursor, updated_at) VALUES (:name, :cursor, {now})
    ON CONFLICT (name) DO NOTHING
"""
_FREE = """
    (holder IS NULL OR held_until <= {now}
     OR EXISTS (SELECT 1 FROM workers h WHERE h.id = relays.holder AND h.buried <> 0))
"""
_IS_FREE = "SELECT 1 AS found FROM relays WHERE name = :name AND " + _FREE
_TAKE = (
    """
    UPDATE relays
    SET holder = :worker, epoch = epoch + 1, held_until = {now} + CAST(:lease AS BIGINT), updated_at = {now}
    WHERE name = :name AND """
    + _FREE
    + " AND "
    + NOT_BURIED
    + " RETURNING name, cursor, epoch"
)
_RENEW = (
    """
    UPDATE relays
    SET cursor = :cursor, held_until = {now} + CAST(:lease AS BIGINT), updated_at = {now}
    WHERE name = :name AND holder = :worker AND epoch = :epoch AND """
    + NOT_BURIED
    + " RETURNING name"
)
_RELEASE = "UPDATE relays SET holder = NULL WHERE name = :name AND holder = :worker AND epoch = :epoch"
_HELD_BACK = """
    SELECT subject, count(*) AS n FROM deliveries WHERE relay = :relay AND state = 'waiting' GROUP BY subject
"""
_NEWEST = "SELECT event_id FROM deliveries WHERE relay = :relay ORDER BY id DESC LIMIT CAST(:limit AS BIGINT)"
# The first of each subject only: the next ones wait for it.
_DUE = """
    SELECT *, {now} - created_at AS age
    FROM deliveries d
    WHERE relay = :relay AND due_at <= {now}
      AND (state = 'again'
           OR (state = 'waiting'
               AND NOT EXISTS (SELECT 1 FROM deliveries e
                               WHERE e.relay = d.relay AND e.subject = d.subject AND e.id < d.id
                                 AND e.state = 'waiting')))
    ORDER BY due_at, id
    LIMIT CAST(:limit AS BIGINT)
"""
_PARK = """
    INSERT INTO deliveries (relay, event_id, kind, subject, tenant, body, state, tries, refusals, due_at,
                            last_error, created_at, updated_at)
    VALUES (:relay, :event_id, :kind, :subject, :tenant, :body, 'waiting', :tries, :refusals,
            {now} + CAST(:pause AS BIGINT), CAST(:error AS TEXT), {now}, {now})
"""
_DELIVERED = "DELETE FROM deliveries WHERE id = :id"
_FAILED = """
    UPDATE deliveries
    SET state = CASE WHEN :dead = 1 THEN 'dead' ELSE state END, tries = :tries, refusals = :refusals,
        due_at = {now} + CAST(:pause AS BIGINT), last_error = :error, updated_at = {now}
    WHERE id = :id
"""
_HURRY = "UPDATE deliveries SET due_at = {now} WHERE relay = :relay AND state = 'waiting' AND due_at > {now}"
_AGAIN = """
    UPDATE deliveries
    SET state = 'again', due_at = {now}, created_at = {now}, refusals = 0, updated_at = {now}
    WHERE id = :id AND state = 'dead' AND (CAST(:tenant AS TEXT) IS NULL OR tenant = :tenant)
    RETURNING id
"""
_LIST = """
    SELECT *, {now} - created_at AS age FROM deliveries
    WHERE id > :after AND (CAST(:state AS TEXT) = '' OR state = :state)
      AND (CAST(:relay AS TEXT) = '' OR relay = :relay)
      AND (CAST(:tenant AS TEXT) IS NULL OR tenant = :tenant)
    ORDER BY id LIMIT CAST(:limit AS BIGINT)
"""
# A relay at work says so every few seconds: one that did not for so long was switched off.
_PURGE = """
    DELETE FROM deliveries WHERE id IN (
        SELECT d.id FROM deliveries d
        WHERE d.updated_at < {now} - CAST(:age AS BIGINT)
          AND (d.state = 'dead'
               OR NOT EXISTS (SELECT 1 FROM relays r
                              WHERE r.name = d.relay AND r.updated_at >= {now} - CAST(:age AS BIGINT)))
        LIMIT CAST(:limit AS BIGINT))
    RETURNING id
"""
_STANDINGS = """
    SELECT r.name, r.cursor, r.updated_at, r.holder,
           (SELECT count(*) FROM deliveries d WHERE d.relay = r.name AND d.state <> 'dead') AS waiting,
           (SELECT count(*) FROM deliveries d WHERE d.relay = r.name AND d.state = 'dead') AS dead
    FROM relays r ORDER BY r.name
"""


class DeliveryState(StrEnum):
    """What is to become of an event that was not taken."""

    WAITING = "waiting"
    """It is tried again; later events of its subject wait for it."""
    AGAIN = "again"
    """An operator asked for it: it is tried again, and nothing waits for it."""
    DEAD = "dead"
    """It was given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A worker's time as the holder of a relay."""

    relay: str
    worker: str
    epoch: int
    cursor: str
    """Where to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An event as it is sent; the same however often."""

    id: str
    kind: str
    subject: str
    tenant: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What is remembered of tries. Pauses are microseconds."""

    tries: int
    refusals: int
    """Tries in which the other side answered, and did not take it."""
    pause: int
    error: str | None
    is_dead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event that was not taken yet."""

    id: int
    relay: str
    message: Message
    state: DeliveryState
    tries: int
    refusals: int
    last_error: str | None
    due_at: int
    created_at: int
    age: int
    """Microseconds since it failed first, by the database's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a holder did since it wrote last. All of it is committed, or nothing is."""

    cursor: str
    parked: Sequence[tuple[Message, Failure]] = ()
    delivered: Sequence[int] = ()
    failed: Sequence[tuple[int, Failure]] = ()
    hurry: bool = False
    """The other side answers again: what waits is due now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a relay is."""

    name: str
    cursor: str
    holder: str | None
    waiting: int
    dead: int
    updated_at: int


class RelayRows:
    """Relays and deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, cursor: str) -> None:
        """Let it begin behind `cursor`. Nothing when it is known."""
        await self._database.execute(Query(_CREATE, {"name": name, "cursor": cursor}))

    async def take(self, name: str, worker: str, lease: int) -> Term | None:
        """Become the holder for `lease` microseconds, where nobody alive is; None otherwise."""
        if not await self._database.read(Query(_IS_FREE, {"name": name})):
            return None
        rows = await self._database.execute(Query(_TAKE, {"name": name, "worker": worker, "lease": lease}))
        if not rows:
            return None
        return Term(relay=name, worker=worker, epoch=rows[0]["epoch"], cursor=rows[0]["cursor"])

    async def settle(self, term: Term, progress: Progress, lease: int) -> bool:
        """Record what was done, and stay the holder for `lease` microseconds. False when overtaken."""
        return await self._database.transact(lambda: _settle(term, progress, lease))

    async def release(self, term: Term) -> None:
        """Let go. Harmless when overtaken."""
        params = {"name": term.relay, "worker": term.worker, "epoch": term.epoch}
        await self._database.execute(Query(_RELEASE, params))

    async def held_back(self, relay: str) -> Mapping[str, int]:
        """How many deliveries wait, by subject."""
        rows = await self._database.read(Query(_HELD_BACK, {"relay": relay}))
        return {row["subject"]: row["n"] for row in rows}

    async def newest(self, relay: str, limit: int) -> set[str]:
        """Ids of the events that got a delivery last, whatever its state is now."""
        rows = await self._database.read(Query(_NEWEST, {"relay": relay, "limit": limit}))
        return {row["event_id"] for row in rows}

    async def due(self, relay: str, limit: int) -> list[Delivery]:
        """Deliveries to be tried now, of each subject the first."""
        rows = await self._database.read(Query(_DUE, {"relay": relay, "limit": limit}))
        return [_to_delivery(row) for row in rows]

    async def again(self, delivery_id: int, *, tenant: str | None = None) -> bool:
        """Have a dead one tried again. False when there is no such dead one (in the tenant)."""
        return bool(await self._database.execute(Query(_AGAIN, {"id": delivery_id, "tenant": tenant})))

    async def purge(self, age: int) -> int:
        """Forget deliveries that nothing happened to for `age` microseconds; how many.

        Those that were given up, and all of relays that are not at work any more.
        """
        forgotten = 0
        params = {"age": age, "limit": BITE}
        while gone := len(await self._database.execute(Query(_PURGE, params))):
            forgotten += gone
        return forgotten

    async def page(
        self,
        *,
        after: int = 0,
        limit: int,
        state: DeliveryState | None = None,
        relay: str = "",
        tenant: str | None = None,
    ) -> list[Delivery]:
        """Deliveries in the order of their ids; of every tenant where it is None."""
        params = {"after": after, "limit": limit, "state": state or "", "relay": relay, "tenant": tenant}
        return [_to_delivery(row) for row in await self._database.read(Query(_LIST, params))]

    async def standings(self) -> list[Standing]:
        """Every relay that ever was."""
        return [
            Standing(
                name=row["name"],
                cursor=row["cursor"],
                holder=row["holder"],
                waiting=row["waiting"],
                dead=row["dead"],
                updated_at=row["updated_at"],
            )
            for row in await self._database.read(Query(_STANDINGS))
        ]


def _settle(term: Term, progress: Progress, lease: int) -> Script[bool]:
    params = {"name": term.relay, "worker": term.worker, "epoch": term.epoch, "lease": lease}
    if not (yield Query(_RENEW, {**params, "cursor": progress.cursor})):
        return False
    for delivery_id in progress.delivered:
        yield Query(_DELIVERED, {"id": delivery_id})
    for delivery_id, failure in progress.failed:
        yield Query(_FAILED, {"id": delivery_id, "dead": int(failure.is_dead), **_params(failure)})
    for message, failure in progress.parked:
        yield _park(term.relay, message, failure)
    if progress.hurry:
        yield Query(_HURRY, {"relay": term.relay})
    return True


def _park(relay: str, message: Message, failure: Failure) -> Query:
    return Query(
        _PARK,
        {
            "relay": relay,
            "event_id": message.id,
            "kind": message.kind,
            "subject": message.subject,
            "tenant": message.tenant,
            "body": message.body,
            **_params(failure),
        },
    )


def _params(failure: Failure) -> dict[str, str | int | None]:
    return {
        "tries": failure.tries,
        "refusals": failure.refusals,
        "pause": failure.pause,
        "error": failure.error,
    }


def _to_delivery(row: Row) -> Delivery:
    return Delivery(
        id=row["id"],
        relay=row["relay"],
        message=Message(
            id=row["event_id"],
            kind=row["kind"],
            subject=row["subject"],
            tenant=row["tenant"],
            body=row["body"],
        ),
        state=DeliveryState(row["state"]),
        tries=row["tries"],
        refusals=row["refusals"],
        last_error=row["last_error"],
        due_at=row["due_at"],
        created_at=row["created_at"],
        age=row["age"],
    )
