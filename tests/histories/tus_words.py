"""Requests of clients of tus, and how its answers are read."""

from base64 import b64encode
from collections.abc import Sequence

from tests.harness.tus import BYTES, RESUMABLE
from tests.harness.wire import Answer

from .requests import Headers, Request, digest
from .values import Manner, Proof, Said, Sent, Upload
from .words import Diverged, predicted


class TusWords:
    """See `Words`."""

    mistakes: Sequence[str] = ("version", "type", "offset", "algorithm", "digest", "id", "concat")
    offset_status = 200
    busy_status = 423

    def creating(self, upload: Upload, sent: Sent) -> Request:
        length = ("Upload-Defer-Length", "1") if sent.length is None else ("Upload-Length", str(sent.length))
        named = (("Upload-Metadata", upload.metadata), ("Upload-Concat", upload.concat))
        headers = [RESUMABLE, length, *(header for header in named if header[1])]
        if sent.has_body:
            headers += [BYTES, *_checksum(sent)]
        body = sent.body if sent.has_body else None
        return Request(method="POST", target="/files/", headers=headers, body=body, chunked=sent.chunked)

    def concatenating(self, concat: str) -> Request:
        return Request(method="POST", target="/files/", headers=[RESUMABLE, ("Upload-Concat", concat)])

    def appending(self, target: str, offset: int, sent: Sent) -> Request:
        length = () if sent.length is None else (("Upload-Length", str(sent.length)),)
        headers = [RESUMABLE, BYTES, ("Upload-Offset", str(offset)), *length, *_checksum(sent)]
        return Request(method="PATCH", target=target, headers=headers, body=sent.body, chunked=sent.chunked)

    def asking(self, method: str, target: str, _manner: Manner) -> Request:
        return Request(method=method, target=target, headers=[RESUMABLE])

    def spoilt(self, right: Request, what: str) -> tuple[Request, Said]:
        """See `Words`."""
        if what == "version":
            older = right.without(RESUMABLE[0]).by("PATCH", (RESUMABLE[0], "0.2.2"))
            return older, Said(412, {"Tus-Version": RESUMABLE[1]})
        if what == "id":
            return right.at("/files/" + "0" * 32), Said(404)
        if what == "concat":
            named = (RESUMABLE, ("Upload-Concat", f"final;{right.target}"), ("Upload-Length", "10"))
            return Request(method="POST", target="/files/", headers=named), Said(400)
        if what in ("algorithm", "digest"):
            wrong = "md4 YQ==" if what == "algorithm" else "sha1 YQ=="
            return right.by("PATCH", ("Upload-Checksum", wrong)), Said(400)
        if what == "type":
            return right.without(BYTES[0]), Said(415)
        return right.without("Upload-Offset"), Said(400)

    def heard(self, answer: Answer, _manner: Manner) -> Said:
        """See `Words`."""
        found = Said(answer.status, predicted(answer))
        if answer.headers.get("tus-resumable") != RESUMABLE[1]:
            raise Diverged(f"{found} has no Tus-Resumable")
        if answer.interims:
            raise Diverged(f"{found} came behind {answer.interims}")
        return found


def _checksum(sent: Sent) -> Headers:
    if sent.proof is Proof.NONE:
        return ()
    encoded = b64encode(digest(sent.body, sent.proof, sent.algorithm)).decode()
    return (("Upload-Checksum", f"{sent.algorithm} {encoded}"),)
