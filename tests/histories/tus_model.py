"""What clients of tus must be answered.

Belongs here: requests to answers. Not here: what becomes of uploads otherwise (model.py), the requests
themselves (tus_words.py).
"""

from dataclasses import dataclass

from .model import Model, astray, gone
from .values import Dialect, Kind, Proof, Said, Sent, State, Upload


@dataclass(frozen=True, slots=True)
class TusModel:
    """The server as these clients see it."""

    model: Model

    def create(self, upload: Upload, sent: Sent) -> Said:
        """A chunked body may turn out to be empty."""
        upload.length = None
        if refused := self._judged(upload, 0, sent):
            return refused
        self.model.add(upload)
        self.model.keep(upload, sent.body, sent.length)
        offset = {"Upload-Offset": str(len(upload.content))} if sent.has_body else {}
        return Said(201, {"Location": "given", **offset, **self._expires(upload)})

    def concatenate(self, final: Upload) -> Said:
        if ended := next(filter(None, map(gone, final.partials)), None):
            return ended
        if any(partial.kind is not Kind.PARTIAL for partial in final.partials):
            return Said(400)
        if sum(partial.length or 0 for partial in final.partials) > self.model.max_size:
            return self._too_large()
        final.state = State.WAITING
        self.model.add(final)
        self.model.assemble(final)
        return Said(201, {"Location": "given", **self._expires(final)})

    def append(self, upload: Upload, offset: int, sent: Sent) -> Said:
        if refused := self.refuses(upload, offset, sent):
            return refused
        self.model.keep(upload, sent.body, sent.length)
        return Said(204, {"Upload-Offset": str(len(upload.content)), **self._expires(upload)})

    def refuses(self, upload: Upload, offset: int, sent: Sent) -> Said | None:
        """Every answer to a PATCH tells when the upload expires, refusals too."""
        refused = astray(upload, Dialect.TUS) or gone(upload) or self._judged(upload, offset, sent)
        return refused and Said(refused.status, {**refused.headers, **self._expires(upload)})

    def _judged(self, upload: Upload, offset: int, sent: Sent) -> Said | None:
        if upload.kind is Kind.FINAL:
            return Said(403)
        if offset != len(upload.content):
            return Said(409, {"Upload-Offset": str(len(upload.content))})
        told, end = sent.length, offset + len(sent.body)
        if told is not None and (upload.length not in (None, told) or told < offset):
            return Said(400)
        agreed = upload.length if told is None else told
        if (end if agreed is None else agreed) > self.model.max_size:
            return self._too_large()
        if agreed is not None and end > agreed:
            return Said(413)
        return Said(460) if sent.proof is Proof.WRONG else None

    def may_keep(self, upload: Upload, offset: int, sent: Sent, refused: Said) -> bool:
        """Nobody could know before it came: checkpoints may have kept what fits."""
        is_right = upload.state is State.OPEN and offset == len(upload.content)
        return refused.status == 413 and sent.chunked and is_right

    def after_keeping(self, upload: Upload, refused: Said) -> Said:
        """What such a refusal says then: the bytes renewed the upload."""
        return Said(refused.status, {**refused.headers, **self._expires(upload)})

    def overtaken(self, upload: Upload) -> Said:
        """A request with a body that another one of the same upload ended."""
        return Said(423, self._expires(upload))

    def head(self, upload: Upload) -> Said:
        if refused := astray(upload, Dialect.TUS) or gone(upload):
            return refused
        told = {"Upload-Metadata": upload.metadata, "Upload-Concat": upload.concat, **self._expires(upload)}
        if upload.kind is not Kind.FINAL or upload.state is State.STORED:
            told["Upload-Offset"] = str(len(upload.content))
        length = upload.planned_length if upload.kind is Kind.FINAL else upload.length
        told["Upload-Length"] = "" if length is None else str(length)
        told["Upload-Defer-Length"] = "1" if upload.length is None and upload.kind is not Kind.FINAL else ""
        return Said(200, {name: value for name, value in told.items() if value})

    def delete(self, upload: Upload) -> Said:
        if refused := astray(upload, Dialect.TUS) or gone(upload):
            return refused
        self.model.end(upload, spoilt=not upload.complete)
        return Said(204)

    def _expires(self, upload: Upload) -> dict[str, str]:
        hours = self.model.hours_left(upload) if upload.dialect is Dialect.TUS else None
        return {} if hours is None else {"Upload-Expires": str(hours)}

    def _too_large(self) -> Said:
        return Said(413, {"Tus-Max-Size": str(self.model.max_size)})
