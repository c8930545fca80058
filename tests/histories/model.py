"""The uploads of a server and what becomes of them, in about a hundred lines: no disk, no network, no clock.

Belongs here: what holds whatever an upload was made by, and what time does. Not here: what each dialect
answers (tus_model.py, ietf_model.py), asking the real server (service.py).
"""

from dataclasses import dataclass, field

from .values import Dialect, Kind, Said, State, Upload

HALF_DAY, LIFETIME = 13, 24
"""Hours. Time passes in steps of a little more than half of what an untouched upload lives."""


@dataclass(slots=True, kw_only=True)
class Model:
    """The server. `now` is half days since it began, `max_size` bytes."""

    max_size: int
    now: int = 0
    uploads: list[Upload] = field(default_factory=list)

    def add(self, upload: Upload) -> None:
        upload.touched = self.now
        self.uploads.append(upload)

    def keep(self, upload: Upload, body: bytes, length: int | None, *, complete: bool | None = None) -> None:
        """Append bytes: a whole body, or what came of one that was cut.

        `complete` is what its client says of the upload's end, None where the length does.
        """
        if body or (upload.length is None and length is not None):
            upload.touched = self.now
        upload.content += body
        upload.length = length if upload.length is None else upload.length
        if (upload.complete if complete is None else complete) and upload.state is State.OPEN:
            upload.length, upload.state, upload.touched = len(upload.content), State.STORED, self.now
            for final in self.uploads:
                self.assemble(final)

    def get(self, upload: Upload) -> Said:
        """As a download."""
        if upload.state is State.STORED and upload.kind is not Kind.PARTIAL:
            return Said(200, {}, upload.content)  # also when the upload is forgotten: it became a file
        return gone(upload) or Said(404 if upload.kind is Kind.PARTIAL else 409)

    def assemble(self, final: Upload) -> None:
        """Once every partial is complete, be it deleted since. What turned out too large ends."""
        if final.state is not State.WAITING or not all(partial.complete for partial in final.partials):
            return
        final.content = b"".join(partial.content for partial in final.partials)
        if len(final.content) > self.max_size:
            self.end(final, spoilt=False)
            return
        final.length, final.state, final.touched = len(final.content), State.STORED, self.now
        self._reap()

    def end(self, upload: Upload, *, spoilt: bool) -> None:
        """`spoilt`: finals that wait for it never get it."""
        upload.state, upload.touched = State.GONE, self.now
        for final in self.uploads:
            if spoilt and final.state is State.WAITING and upload in final.partials:
                self.end(final, spoilt=False)
        self._reap()

    def pass_half_a_day(self) -> None:
        self.now += 1
        self._reap()

    def _reap(self) -> None:
        """End what is due; forget what ended long ago, or became a file long ago."""
        for upload in self.uploads:
            pinned = any(final.state is State.WAITING and upload in final.partials for final in self.uploads)
            if upload.state is State.WAITING or (self.now - upload.touched) * HALF_DAY < LIFETIME:
                continue
            if upload.state is State.OPEN:
                self.end(upload, spoilt=True)  # and finals that wait for it, which have no date themselves
            elif not pinned and upload.state is State.STORED and upload.kind is Kind.PARTIAL:
                self.end(upload, spoilt=False)
            elif not pinned:
                upload.remembered = False

    def hours_left(self, upload: Upload) -> int | None:
        """None of what does not expire."""
        is_piece = upload.kind is Kind.PARTIAL and upload.state is State.STORED
        if upload.state is not State.OPEN and not is_piece:
            return None
        return LIFETIME - HALF_DAY * (self.now - upload.touched)


def gone(upload: Upload) -> Said | None:
    """The refusal of whatever is asked of an upload that ended."""
    if not upload.remembered:
        return Said(404)
    return Said(410) if upload.state is State.GONE else None


def astray(upload: Upload, spoken: Dialect) -> Said | None:
    """The refusal of whoever speaks another dialect than the upload was made by."""
    if not upload.remembered:
        return Said(404)
    return Said(400) if upload.dialect is not spoken else None
