"""What an operator decides about a file that a scanner closed: serve it in spite of that, or remove it.

Belongs here: who may be decided about, and doing it. Not here: rows (metadata/scans.py), asking for it (the
command in assemble/quarantine.py, the API in server/quarantine_face.py).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from protocol.upload import Verdict
from tusd_py.metadata.files import FileRows, Version
from tusd_py.metadata.scans import ScanRows


class Decision(StrEnum):
    """What an operator wants."""

    RELEASE = "release"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Decides about versions."""

    files: FileRows
    scans: ScanRows
    delete_bytes: Callable[[Version], Awaitable[None]]
    """Nothing names them any more. What cannot be removed now, the sweep finds."""

    async def find(self, file_id: str, n: int | None = None) -> Version | None:
        """A version of a file; the current one where no number is given."""
        if n is None:
            return await self.files.current(file_id)
        return await self.files.numbered(file_id, n)

    async def decide(
        self, version: Version, decision: Decision, *, actor: str, shown: str | None = None
    ) -> str:
        """Do it. Why it was not done, "" when it was.

        `shown` is the finding that the operator was shown; None where nobody says so.
        """
        if refusal := why_not(version, decision, shown):
            return refusal
        if decision is Decision.RELEASE:
            done = await self.scans.release(version, actor=actor)
        else:
            done = await self.scans.delete(version, actor=actor)
            if done:
                await self.delete_bytes(version)
        return "" if done else "it is not in quarantine for that any more"


def why_not(version: Version, decision: Decision, shown: str | None) -> str:
    """Why it cannot be decided so; "" when it can."""
    if version.verdict not in (Verdict.INFECTED, Verdict.UNSCANNABLE):
        return f"it is not in quarantine, its verdict is {version.verdict}"
    if shown is not None and shown != (version.finding or ""):
        return f"what was found is {version.finding!r}, not {shown!r}"
    if decision is Decision.RELEASE and version.released_by is not None:
        return f"it was released by {version.released_by}"
    return ""
