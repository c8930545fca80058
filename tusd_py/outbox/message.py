"""An event as other systems get it.

The form is that of Standard Webhooks (`type`, `timestamp`, `data`) with an `id` beside it, for every way out.
The id is that of the event, so a receiver that remembers ids does nothing twice.

Belongs here: the form. Not here: who gets it.
"""

import json

from tusd_py.metadata.event_log import Event
from tusd_py.metadata.relays import Message
from tusd_py.timestamps import rfc3339


def event_name(event: Event, installation: str) -> str:
    """Unlike that of any other event, also of other installations and of this one before a restore."""
    return f"evt_{installation[:12]}_{event.created_at:x}_{event.id:x}"


def to_message(event: Event, installation: str) -> Message:
    """The same text at every call."""
    name = event_name(event, installation)
    said = {
        "id": name,
        "type": event.kind,
        "timestamp": rfc3339(event.created_at),
        "data": described(event),
    }
    return Message(
        id=name, kind=event.kind, subject=event.subject, tenant=event.tenant, body=json.dumps(said)
    )


def as_json(event: Event, installation: str) -> dict[str, object]:
    """As the API, the commands and the live feed write it."""
    return {
        "id": event_name(event, installation),
        "type": event.kind,
        "timestamp": rfc3339(event.created_at),
        "cursor": event.cursor,
        "data": described(event),
    }


def described(event: Event) -> dict[str, object]:
    """What happened to whose upload, in the words of the API."""
    about = {"link_id": event.subject} if event.kind.startswith("link.") else {"upload_id": event.subject}
    if event.kind.startswith(("key.", "keys.")):
        about = {"key_id": event.subject}
    return {
        **event.data,
        **about,
        "file_id": event.file_id,
        "tenant": event.tenant,
        "user_id": event.owner,
        "actor": event.actor,
    }
