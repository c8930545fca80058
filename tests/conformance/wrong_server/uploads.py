"""What the wrong server remembers.

Belongs here: uploads in memory. Not here: requests.
"""

import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

from .bugs import Bug
from .http import Request
from .ietf.uploads import Draft
from .parsing import Refused


@dataclass(kw_only=True, eq=False)
class Upload:
    path: str
    length: int | None
    metadata: str | None
    concat: str | None
    expires: float
    content: bytearray = field(default_factory=bytearray)
    parts: "list[Upload]" = field(default_factory=list)
    """Of a final upload, in the order of its list."""
    busy: bool = False
    """A PATCH is under way."""
    settled: int = 0
    """Bytes when the last PATCH ended."""
    used: bool = False
    """Some final upload is made of it."""
    unverified: int = 0
    """Bytes that came, but whose checksum did not yet."""

    @property
    def is_final(self) -> bool:
        return bool(self.parts)

    @property
    def is_partial(self) -> bool:
        return self.concat == "partial"

    @property
    def is_complete(self) -> bool:
        return self.length == len(self.content)

    @property
    def is_unfinished(self) -> bool:
        """It will expire; a partial one also with all its bytes."""
        return self.is_partial or not self.is_complete

    @property
    def sum(self) -> int | None:
        """The length of a final upload, as soon as it can be computed."""
        lengths = [part.length for part in self.parts]
        return None if None in lengths else sum(length for length in lengths if length is not None)

    def join(self) -> None:
        """Take over the content of the parts once all of them are complete."""
        self.length = self.sum
        if not self.content and all(part.is_complete for part in self.parts):
            self.content = bytearray(b"".join(part.content for part in self.parts))


@dataclass(kw_only=True)
class House:
    """All uploads, and what is wrong with the server."""

    base: str
    bugs: AbstractSet[StrEnum]
    lifetime: float
    uploads: dict[str, Upload] = field(default_factory=dict)
    drafts: dict[str, Draft] = field(default_factory=dict)
    """Uploads of the IETF draft."""

    @property
    def root(self) -> str:
        return urlsplit(self.base).path

    def find(self, request: Request) -> Upload:
        found = self.uploads.get(request.path)
        if found is None:
            raise Refused(404)
        expired = found.expires < time.time() and found.is_unfinished
        if expired and Bug.EXPIRED_LIVES not in self.bugs:
            raise Refused(410)
        return found

    def location(self, upload: Upload) -> str:
        return upload.path if Bug.RELATIVE_LOCATION in self.bugs else urljoin(self.base, upload.path)

    def expires(self, upload: Upload) -> dict[str, str]:
        date = datetime.fromtimestamp(upload.expires, UTC)
        written = date.isoformat() if Bug.ISO_DATES in self.bugs else format_datetime(date, usegmt=True)
        return {"Upload-Expires": written}

    def finish(self, upload: Upload) -> None:
        """Final uploads that waited for this one go on."""
        for other in self.uploads.values():
            if upload in other.parts:
                other.join()
