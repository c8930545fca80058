"""The kinds of events: what may have happened.

Belongs here: their names. Not here: what is recorded of each (metadata/events.py).
"""

from enum import StrEnum


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
    CHANGED = "file.changed"
    """Of its name, path or tags."""
    RESTORED = "file.restored"
    """Another of its versions is the current one."""
    DOWNLOADED = "file.downloaded"
    LINK_CREATED = "link.created"
    LINK_USED = "link.used"
    LINK_REVOKED = "link.revoked"
    KEYS_ROTATED = "keys.rotated"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
