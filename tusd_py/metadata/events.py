"""The events table: audit log, outbox and catch-up history in one.

One row for each transition, written in the transition's own transaction and never changed.
Belongs here: what is recorded. Not here: who is told (work/).
"""

import json
from collections.abc import Mapping
from enum import StrEnum

from protocol.upload import Transfer

from .database import Query


class EventKind(StrEnum):
    """What happened."""

    CREATED = "upload.created"
    RECEIVING = "upload.receiving"
    SEIZED = "upload.seized"
    COMPLETING = "upload.completing"
    STORED = "upload.stored"
    TERMINATED = "upload.terminated"
    EXPIRED = "upload.expired"
    REFUSED = "upload.refused"
    LOST = "upload.lost"
    SCANNED = "upload.scanned"
    SCAN_FAILED = "upload.scan_failed"
    QUARANTINED = "file.quarantined"
    RELEASED = "file.released"
    DELETED = "file.deleted"


ENTERED: Mapping[Transfer, EventKind] = {
    Transfer.CREATED: EventKind.CREATED,
    Transfer.RECEIVING: EventKind.RECEIVING,
    Transfer.COMPLETING: EventKind.COMPLETING,
    Transfer.STORED: EventKind.STORED,
    Transfer.TERMINATED: EventKind.TERMINATED,
    Transfer.EXPIRED: EventKind.EXPIRED,
    Transfer.REFUSED: EventKind.REFUSED,
    Transfer.LOST: EventKind.LOST,
}
"""The event that says a transfer entered a state."""

_INSERT = """
    INSERT INTO events (created_at, subject, kind, actor, data)
    VALUES ({now}, :subject, :kind, :actor, :facts)
"""


def record(kind: EventKind, subject: str, actor: str, **facts: str | int | None) -> Query:
    """The insert of one event."""
    return Query(_INSERT, {"subject": subject, "kind": kind, "actor": actor, "facts": json.dumps(facts)})
