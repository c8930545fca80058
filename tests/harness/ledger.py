"""What the clients know: every byte they sent, every offset that anybody was told.

Whatever the server says later is held against it at once: an offset may not be lower than one that
was told before the request began, nor higher than what was ever sent.

Belongs here: the ledger and the violations that answers alone can show. Not here: rows and files
(checker.py).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from .content import Content
from .wire import Answer, Interim


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken promise; `rule` is an invariant of the house (I1 - I7)."""

    rule: str
    upload: str
    detail: str

    def as_line(self) -> str:
        return json.dumps(asdict(self))


@dataclass(slots=True, kw_only=True)
class Tracked:
    """One upload as its client sees it. Offsets are bytes from the start of the upload."""

    target: str
    """Path of the upload URL."""
    content: Content
    sent: int = 0
    """No byte from here on was ever sent."""
    acked: int = 0
    """The highest offset that anybody was told."""
    deleted: bool = False
    verified: bool = False
    """The whole content was compared once, after it was finished."""
    by_word: bool = False
    """It is complete by its client's word, and not by its length (IETF draft)."""
    said: bool = False
    """That word may have been heard."""
    confirmed: bool = False
    """Somebody was told that it is complete."""

    @property
    def id(self) -> str:
        return self.target.rstrip("/").rsplit("/", 1)[-1]

    @property
    def finished(self) -> bool:
        return self.confirmed if self.by_word else self.acked >= self.content.length


@dataclass(slots=True)
class Ledger:
    """Every upload of a run."""

    uploads: dict[str, Tracked] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    answers: dict[int, int] = field(default_factory=dict)
    """How often each status was answered."""

    def opened(self, target: str, content: Content) -> Tracked:
        tracked = Tracked(target=target, content=content)
        if target in self.uploads:
            self.broken("I1", tracked, "the same URL was given to two uploads")
        self.uploads[target] = tracked
        return tracked

    def broken(self, rule: str, tracked: Tracked | None, detail: str) -> None:
        self.violations.append(
            Violation(rule=rule, upload="" if tracked is None else tracked.id, detail=detail)
        )

    def heard(self, answer: Answer, method: str, tracked: Tracked | None = None, known: int = 0) -> None:
        """An answer came to a request that began when `known` was the highest offset told."""
        self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
        self._refusals(answer, method, tracked)
        if tracked is not None and answer.offset is not None:
            self._told(answer.offset, f"{method} {answer.status}", tracked, known)
        if tracked is not None and tracked.by_word:
            self._completeness(answer, method, tracked)

    def heard_interim(self, interim: Interim, method: str, tracked: Tracked, known: int) -> None:
        """The same of one that came while the body was sent."""
        if "upload-offset" in interim.headers:
            self._told(int(interim.headers["upload-offset"]), f"{method} {interim.status}", tracked, known)

    def _completeness(self, answer: Answer, method: str, tracked: Tracked) -> None:
        said = answer.headers.get("upload-complete")
        where = f"{method} {answer.status} with offset {answer.offset}"
        if said == "?1" and not (tracked.said and answer.offset == tracked.content.length):
            self.broken("I7", tracked, f"{where}: complete, which its client did not say")
        if said == "?0" and tracked.confirmed and answer.status == 204 and not tracked.deleted:
            self.broken("I2", tracked, f"{where}: no more complete")
        tracked.confirmed = tracked.confirmed or said == "?1"

    def _refusals(self, answer: Answer, method: str, tracked: Tracked | None) -> None:
        if answer.status >= 500 and "retry-after" not in answer.headers:
            self.broken("I7", tracked, f"{method}: {answer.status} without Retry-After")
        if method != "HEAD" or tracked is None or tracked.deleted:
            return
        # 423 is the only refusal of HEAD after which tus-js-client does not begin at byte 0; those of the
        # IETF draft go on after any 5xx.
        goes_on = answer.status in (200, 423)
        if tracked.by_word:
            goes_on = answer.status == 204 or answer.status >= 500
        if not goes_on:
            self.broken("I7", tracked, f"HEAD of an open upload: {answer.status}")

    def _told(self, offset: int, where: str, tracked: Tracked, known: int) -> None:
        if offset < known:
            self.broken("I2", tracked, f"{where}: offset {offset} after {known} was told")
        if offset > tracked.sent:
            self.broken("I3", tracked, f"{where}: offset {offset}, only {tracked.sent} were sent")
        tracked.acked = max(tracked.acked, offset)

    @contextmanager
    def nothing_new(self) -> Iterator[None]:
        """The block adds no violation; otherwise AssertionError names them."""
        before = len(self.violations)
        yield
        fresh = self.violations[before:]
        if fresh:
            raise AssertionError("\n".join(violation.as_line() for violation in fresh))
