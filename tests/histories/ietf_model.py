"""What clients of the IETF draft must be answered.

Belongs here: requests to answers. Not here: what becomes of uploads otherwise (model.py), the requests
themselves (ietf_words.py).
"""

from dataclasses import dataclass

from .model import Model, astray, gone
from .values import Dialect, Proof, Said, Sent, State, Upload

INCOMPLETE, COMPLETE = {"Upload-Complete": "?0"}, {"Upload-Complete": "?1"}


@dataclass(frozen=True, slots=True)
class IetfModel:
    """The server as these clients see it. A request says whether it completes an upload."""

    model: Model

    def create(self, upload: Upload, sent: Sent) -> Said:
        """What is refused leaves nothing."""
        upload.length = None
        if refused := _contradicts(0, sent) or self._judged(upload, 0, sent):
            return self._in_words(refused)
        self.model.add(upload)
        self._keep(upload, 0, sent)
        return self._done(upload)

    def append(self, upload: Upload, offset: int, sent: Sent) -> Said:
        if refused := self.refuses(upload, offset, sent):
            if refused.status == 400 and self._goes_too_far(upload, offset, sent):
                self.model.end(upload, spoilt=True)
            return refused
        if upload.state is State.OPEN:
            self._keep(upload, offset, sent)
        return self._done(upload) if upload.state is State.STORED else Said(204, self._told(upload))

    def refuses(self, upload: Upload, offset: int, sent: Sent) -> Said | None:
        refused = (
            _contradicts(offset, sent)
            or astray(upload, Dialect.IETF)
            or gone(upload)
            or self._judged(upload, offset, sent)
        )
        return refused and self._in_words(refused)

    def _judged(self, upload: Upload, offset: int, sent: Sent) -> Said | None:
        if offset != len(upload.content):
            return Said(409, {"Upload-Offset": str(len(upload.content))})
        told, end = sent.told_length(offset), offset + len(sent.body)
        if told is not None and (upload.length not in (None, told) or told < offset):
            return Said(400)
        agreed = upload.length if told is None else told
        if (end if agreed is None else agreed) > self.model.max_size:
            return Said(413)
        closed = upload.state is State.STORED and sent.manner.ends is False
        too_long = agreed is not None and end > agreed
        too_short = sent.manner.complete and agreed not in (None, end)
        return Said(400) if closed or too_long or too_short or sent.proof is Proof.WRONG else None

    def _goes_too_far(self, upload: Upload, offset: int, sent: Sent) -> bool:
        """Bytes beyond its length came, which nobody could know before: that invalidates an upload."""
        if not _takes(upload, offset) or not sent.chunked:
            return False
        agreed = sent.length if upload.length is None else upload.length
        if agreed is None or sent.length not in (None, agreed):
            return False
        return offset <= agreed <= self.model.max_size and agreed < offset + len(sent.body)

    def _keep(self, upload: Upload, offset: int, sent: Sent) -> None:
        self.model.keep(upload, sent.body, sent.told_length(offset), complete=sent.manner.ends)

    def may_keep(self, upload: Upload, offset: int, sent: Sent, refused: Said) -> bool:
        """Nobody could know before it came: checkpoints may have kept what fits."""
        if not _takes(upload, offset) or not sent.chunked:
            return False
        if sent.proof is not Proof.NONE or sent.length not in (None, upload.length or sent.length):
            return False
        length, end = sent.length if upload.length is None else upload.length, offset + len(sent.body)
        too_short = sent.manner.complete and length is not None and end < length
        return (refused.status == 413 and length is None) or (refused.status == 400 and too_short)

    def after_keeping(self, _upload: Upload, refused: Said) -> Said:
        """What such a refusal says then: nothing of it."""
        return refused

    def overtaken(self, _upload: Upload) -> Said:
        """A request with a body that another one of the same upload ended. Clients resume after a 5xx."""
        return Said(503, {**INCOMPLETE})

    def head(self, upload: Upload) -> Said:
        """Also of a GET that names a version."""
        if refused := _missing(upload):
            return refused
        if upload.dialect is Dialect.TUS:
            return Said(412, {"Tus-Version": "1.0.0"})
        length = {} if upload.length is None else {"Upload-Length": str(upload.length)}
        return Said(204, {**self._told(upload), **length})

    def delete(self, upload: Upload) -> Said:
        if refused := _missing(upload):
            return refused
        if upload.dialect is Dialect.TUS:
            return Said(412, {"Tus-Version": "1.0.0"})
        self.model.end(upload, spoilt=True)
        return Said(204)

    def _done(self, upload: Upload) -> Said:
        return Said(201, {"Location": "given", **self._told(upload)})

    def _told(self, upload: Upload) -> dict[str, str]:
        complete = COMPLETE if upload.state is State.STORED else INCOMPLETE
        return {**complete, "Upload-Offset": str(len(upload.content)), "Upload-Limit": self._limit(upload)}

    def _limit(self, upload: Upload) -> str:
        hours = self.model.hours_left(upload)
        return f"max-size={self.model.max_size}" + ("" if hours is None else f", max-age={hours}h")

    def _in_words(self, refused: Said) -> Said:
        """Whatever is refused is not complete; and whoever breaks a limit hears it."""
        limit = {"Upload-Limit": f"max-size={self.model.max_size}"} if refused.status == 413 else {}
        return Said(refused.status, {**INCOMPLETE, **limit, **refused.headers})


def _contradicts(offset: int, sent: Sent) -> Said | None:
    """A request that names two lengths, whatever upload it is for."""
    return Said(400) if sent.length not in (None, sent.told_length(offset)) else None


def _takes(upload: Upload, offset: int) -> bool:
    """Bytes that come there are looked at."""
    return (upload.dialect, upload.state, len(upload.content)) == (Dialect.IETF, State.OPEN, offset)


def _missing(upload: Upload) -> Said | None:
    refused = gone(upload) if upload.dialect is Dialect.IETF or not upload.remembered else None
    return refused and Said(refused.status, INCOMPLETE)
