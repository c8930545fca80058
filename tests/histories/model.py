"""What a tus server must answer, in about a hundred lines: no disk, no network, no clock.

Belongs here: requests to answers, and what time does. Not here: asking the real server (service.py).
"""

from dataclasses import dataclass, field

from .values import Kind, Proof, Said, State, Upload

HALF_DAY, LIFETIME = 13, 24
"""Hours. Time passes in steps of a little more than half of what an untouched upload lives."""


@dataclass(slots=True, kw_only=True)
class Model:
    """The server. `now` is half days since it began, `max_size` bytes."""

    max_size: int
    now: int = 0
    uploads: list[Upload] = field(default_factory=list)

    def create(self, upload: Upload, body: bytes | None, proof: Proof = Proof.NONE) -> Said:
        """`body` is None when none is sent, b"" for one that turns out to be empty."""
        upload.touched, length = self.now, upload.length
        if refused := self._judged(upload, 0, body or b"", length, proof):
            return refused
        self.uploads.append(upload)
        upload.length = None
        self.keep(upload, body or b"", length)
        offset = {} if body is None else {"Upload-Offset": str(len(upload.content))}
        return Said(201, {"Location": "given", **offset, **self.expires(upload)})

    def concatenate(self, final: Upload) -> Said:
        if gone := next(filter(None, map(_gone, final.partials)), None):
            return gone
        if any(partial.kind is not Kind.PARTIAL for partial in final.partials):
            return Said(400)
        if sum(partial.length or 0 for partial in final.partials) > self.max_size:
            return self._too_large()
        final.touched, final.state = self.now, State.WAITING
        self.uploads.append(final)
        self._assemble(final)
        return Said(201, {"Location": "given", **self.expires(final)})

    def patch(self, upload: Upload, offset: int, body: bytes, length: int | None, proof: Proof) -> Said:
        """`length` is what the request declares, if anything."""
        if refused := self.refuses(upload, offset, body, length, proof):
            return refused
        self.keep(upload, body, length)
        return Said(204, {"Upload-Offset": str(len(upload.content)), **self.expires(upload)})

    def refuses(
        self, upload: Upload, offset: int, body: bytes, length: int | None, proof: Proof
    ) -> Said | None:
        """Every answer to a PATCH tells when the upload expires, refusals too."""
        refused = _gone(upload) or self._judged(upload, offset, body, length, proof)
        return refused and Said(refused.status, {**refused.headers, **self.expires(upload)})

    def _judged(
        self, upload: Upload, offset: int, body: bytes, length: int | None, proof: Proof
    ) -> Said | None:
        if upload.kind is Kind.FINAL:
            return Said(403)
        if offset != len(upload.content):
            return Said(409, {"Upload-Offset": str(len(upload.content))})
        if length is not None and (upload.length not in (None, length) or length < offset):
            return Said(400)
        agreed = upload.length if length is None else length
        end = offset + len(body)
        if (end if agreed is None else agreed) > self.max_size:
            return self._too_large()
        if agreed is not None and end > agreed:
            return Said(413)
        return Said(460) if proof is Proof.WRONG else None

    def keep(self, upload: Upload, body: bytes, length: int | None) -> None:
        """Append bytes: a whole body, or what came of one that was cut."""
        if body or (upload.length is None and length is not None):
            upload.touched = self.now
        upload.content += body
        upload.length = length if upload.length is None else upload.length
        if upload.complete and upload.state is State.OPEN:
            upload.state = State.STORED
            for final in self.uploads:
                self._assemble(final)

    def head(self, upload: Upload) -> Said:
        if gone := _gone(upload):
            return gone
        told = {"Upload-Metadata": upload.metadata, "Upload-Concat": upload.concat, **self.expires(upload)}
        if upload.kind is not Kind.FINAL or upload.state is State.STORED:
            told["Upload-Offset"] = str(len(upload.content))
        length = upload.planned_length if upload.kind is Kind.FINAL else upload.length
        told["Upload-Length"] = "" if length is None else str(length)
        told["Upload-Defer-Length"] = "1" if upload.length is None and upload.kind is not Kind.FINAL else ""
        return Said(200, {name: value for name, value in told.items() if value})

    def get(self, upload: Upload) -> Said:
        if upload.state is State.STORED and upload.kind is not Kind.PARTIAL:
            return Said(200, {}, upload.content)  # also when the upload is forgotten: it became a file
        return _gone(upload) or Said(404 if upload.kind is Kind.PARTIAL else 409)

    def delete(self, upload: Upload) -> Said:
        if gone := _gone(upload):
            return gone
        self._end(upload, spoilt=not upload.complete)
        return Said(204)

    def pass_half_a_day(self) -> None:
        self.now += 1
        self._reap()

    def _assemble(self, final: Upload) -> None:
        """Once every partial is complete, be it deleted since. What turned out too large ends."""
        if final.state is not State.WAITING or not all(partial.complete for partial in final.partials):
            return
        final.content = b"".join(partial.content for partial in final.partials)
        if len(final.content) > self.max_size:
            self._end(final, spoilt=False)
            return
        final.length, final.state, final.touched = len(final.content), State.STORED, self.now
        self._reap()

    def _end(self, upload: Upload, *, spoilt: bool) -> None:
        """`spoilt`: finals that wait for it never get it."""
        upload.state, upload.touched = State.GONE, self.now
        for final in self.uploads:
            if spoilt and final.state is State.WAITING and upload in final.partials:
                self._end(final, spoilt=False)
        self._reap()

    def _reap(self) -> None:
        """End what is due; forget what ended long ago, or became a file long ago."""
        for upload in self.uploads:
            pinned = any(final.state is State.WAITING and upload in final.partials for final in self.uploads)
            if (self.now - upload.touched) * HALF_DAY < LIFETIME:
                continue
            if upload.state is State.OPEN:
                self._end(upload, spoilt=True)  # and finals that wait for it, which have no date of their own
            elif not pinned and upload.state is State.STORED and upload.kind is Kind.PARTIAL:
                self._end(upload, spoilt=False)
            elif not pinned:
                upload.remembered = False

    def expires(self, upload: Upload) -> dict[str, str]:
        is_piece = upload.kind is Kind.PARTIAL and upload.state is State.STORED
        if upload.state is not State.OPEN and not is_piece:
            return {}
        return {"Upload-Expires": str(LIFETIME - HALF_DAY * (self.now - upload.touched))}

    def _too_large(self) -> Said:
        return Said(413, {"Tus-Max-Size": str(self.max_size)})


def _gone(upload: Upload) -> Said | None:
    if not upload.remembered:
        return Said(404)
    return Said(410) if upload.state is State.GONE else None
