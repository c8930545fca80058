"""The events table: audit log, outbox and catch-up history in one.

One row for each transition, written in the transition's own transaction and never changed.
Belongs here: what is recorded. Not here: who is told (work/).
"""

import json
from collections.abc import Mapping
from typing import Protocol

from protocol.upload import Transfer, Upload
from tusd_py.event_kinds import EventKind

from .database import Query

__all__ = ["ENTERED", "EventKind", "Owned", "part_facts", "record"]

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


class Owned(Protocol):
    """What an event is about: an upload, or a version."""

    @property
    def tenant(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def file_id(self) -> str: ...


# Whose it is stays with the event: rows are forgotten sooner, and readers ask by it.
_INSERT = """
    INSERT INTO events (created_at, subject, kind, actor, tenant, owner, file_id, data)
    VALUES ({now}, :subject, :kind, :actor, :tenant, :owner, :file_id, :facts)
"""


def record(kind: EventKind, subject: str, actor: str, of: Owned | None, **facts: str | int | None) -> Query:
    """The insert of one event; `of` says whose it is, None for what is the installation's own.

    `subject` is the id of an upload, except where the kind says something else. Events of one subject are
    delivered in order.
    """
    return Query(
        _INSERT,
        {
            "subject": subject,
            "kind": kind,
            "actor": actor,
            "tenant": "" if of is None else of.tenant,
            "owner": "" if of is None else of.owner,
            "file_id": "" if of is None else of.file_id,
            "facts": json.dumps(facts),
        },
    )


def part_facts(upload: Upload) -> dict[str, str | int]:
    """What is said of an upload that is sent for a part of another one: nothing of most."""
    part = upload.part_of
    return {} if part is None else {"part_of": part.upload_id, "part_number": part.number}
