"""Names under which a backend keeps bytes.

A *key* is where an upload belongs; it is made once, at creation, and stored. A *ref* names the bytes that
count. It is the key itself, or the key with a suffix after `~`, a character that no key contains:

    key               received in place, or assembled by nobody else
    key~e7            the segment that the writer of epoch 7 began after a forced take-over
    key~w<worker>.3   an attempt of a worker that no row names yet

Belongs here: making, reading and checking such names. Not here: opening them.
"""

import re
from dataclasses import dataclass

from .base import BadRef

SERVICE_FOLDER = ".tusd"
"""First component that belongs to the service itself (locks, database); no ref may name anything in it."""

# Every key ends in a file id, perhaps with an upload id behind it (key_template is held to that). Names that
# do not are somebody else's files, which the sweep must never touch.
_NAME = re.compile(
    r"(?P<key>(?:[^~]+/)?[0-9a-f]{32}(?:\.[0-9a-f]{32})?)(~e(?P<epoch>[0-9]+)|~w(?P<worker>[0-9a-f]+)\.[0-9]+)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefName:
    """A ref taken apart."""

    key: str
    epoch: int | None
    worker: str | None
    """Set while the name is a worker's attempt: the sweep may remove it only once that worker is buried."""


def segment_ref(key: str, epoch: int) -> str:
    """The segment that a forced take-over begins, so that a frozen writer writes into a dead file."""
    return f"{key}~e{epoch}"


def attempt_ref(key: str, worker: str, attempt: int) -> str:
    """A name for bytes that no row names yet. `worker` is lower-case hex."""
    return f"{key}~w{worker}.{attempt}"


def parse_ref(ref: str) -> RefName | None:
    """None for a name that we cannot have made."""
    found = _NAME.fullmatch(ref)
    if found is None:
        return None
    epoch = found["epoch"]
    return RefName(key=found["key"], epoch=None if epoch is None else int(epoch), worker=found["worker"])


def components(ref: str) -> tuple[str, ...]:
    """The names between the slashes: folders, then the file. Raises BadRef.

    Refs are made by us, but this is the last door before the disk, so they are treated as hostile:
    nothing that leaves the root, nothing in the service's own folder, nothing a disk cannot spell.
    """
    parts = tuple(ref.split("/"))
    if not all(map(_is_plain, parts)) or parts[0] == SERVICE_FOLDER:
        raise BadRef(f"not a name that bytes may be kept under: {ref!r}")
    return parts


def _is_plain(part: str) -> bool:
    return part not in ("", ".", "..") and "\0" not in part and is_spelled(part)


def is_spelled(name: str) -> bool:
    """False for names with lone surrogates, which is how Python shows names on disk that are not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
