"""Requests of clients of the IETF draft, and how its answers are read, interim ones too."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence

from tests.harness.wire import Answer, Interim

from .requests import Headers, Request, digest
from .values import Manner, Proof, Said, Sent, Upload
from .words import HOUR, Diverged, predicted

VERSIONS = (None, 3, 5, 6, 8, 9)
"""Interop versions; None names none."""
_SAYS_INCOMPLETE = 3
_VERSION = "Upload-Draft-Interop-Version"
_PARTIAL = ("Content-Type", "application/partial-upload")
_MAX_AGE = re.compile(r"max-age=([0-9]+)")


class IetfWords:
    """See `Words`."""

    mistakes: Sequence[str] = ("type", "offset", "completeness", "digest", "id")
    offset_status = 204
    busy_status = 503

    def creating(self, _upload: Upload, sent: Sent) -> Request:
        headers = [*_manner(sent.manner), *_length(sent), *_digest(sent)]
        body = sent.body if sent.has_body else None
        # Any method that has content will do.
        method = "PUT" if sent.manner.version == VERSIONS[-1] and sent.manner.complete else "POST"
        return Request(method=method, target="/files/", headers=headers, body=body, chunked=sent.chunked)

    def appending(self, target: str, offset: int, sent: Sent) -> Request:
        said = [*_manner(sent.manner), *_length(sent), *_digest(sent)]
        headers = [_PARTIAL, ("Upload-Offset", str(offset)), *said]
        return Request(method="PATCH", target=target, headers=headers, body=sent.body, chunked=sent.chunked)

    def asking(self, method: str, target: str, manner: Manner) -> Request:
        return Request(method=method, target=target, headers=_version(manner))

    def spoilt(self, right: Request, what: str) -> tuple[Request, Said]:
        """See `Words`."""
        incomplete = {"Upload-Complete": "?0"}
        if what == "id":
            return right.at("/files/" + "0" * 32), Said(404, incomplete)
        if what == "digest":
            return right.by("PATCH", ("Content-Digest", "sha-256=:YQ==:")), Said(400, incomplete)
        if what == "type":
            plain = right.without(_PARTIAL[0]).without(_VERSION)
            return plain.by("PATCH", ("Content-Type", "text/plain")), Said(415, incomplete)
        if what == "completeness":
            return right.without("Upload-Complete"), Said(400, incomplete)
        return right.without("Upload-Offset"), Said(400, incomplete)

    def heard(self, answer: Answer, manner: Manner) -> Said:
        """See `Words`."""
        headers = predicted(answer)
        if manner.version == _SAYS_INCOMPLETE and "Upload-Incomplete" in headers:
            headers["Upload-Complete"] = _opposite(headers.pop("Upload-Incomplete"))
        if "Upload-Limit" in headers:
            headers["Upload-Limit"] = _MAX_AGE.sub(_in_hours, headers["Upload-Limit"])
        found = Said(answer.status, headers)
        if "tus-resumable" in answer.headers and "Tus-Version" not in headers:
            raise Diverged(f"{found} is in the words of tus")
        self._check_interims(answer, manner)
        return found

    def _check_interims(self, answer: Answer, manner: Manner) -> None:
        told = check_interims(answer.interims, manner)
        location = answer.headers.get("location")
        if location is not None and told.get("location", location) != location:
            raise Diverged(f"first {told['location']}, then {location}")
        before, after = told.get("upload-offset", "0"), answer.headers.get("upload-offset")
        if after is not None and int(after) < int(before):
            raise Diverged(f"first {before} bytes were told, then {after}")


def check_interims(interims: Sequence[Interim], manner: Manner) -> Mapping[str, str]:
    """What they told in the end: Location and Upload-Offset. Raises Diverged for what they may not be."""
    told: dict[str, str] = {}
    for number, headers in enumerate(interim.headers for interim in interims if interim.status == 104):
        if manner.version is None or headers.get(_VERSION.lower()) != str(manner.version):
            raise Diverged(f"104 to a client that speaks {manner.version}: {headers}")
        is_progress = "upload-offset" in headers
        if is_progress == ("location" in headers) or ("location" in headers and number):
            raise Diverged(f"104 number {number}: {headers}")
        if is_progress and int(headers["upload-offset"]) <= int(told.get("upload-offset", "0")):
            raise Diverged(f"104 goes back from {told} to {headers}")
        told |= headers
    return told


def _manner(manner: Manner) -> Headers:
    if manner.version == _SAYS_INCOMPLETE:
        return (*_version(manner), ("Upload-Incomplete", _boolean(not manner.complete)))
    return (*_version(manner), ("Upload-Complete", _boolean(manner.complete)))


def _version(manner: Manner) -> Headers:
    return () if manner.version is None else ((_VERSION, str(manner.version)),)


def _length(sent: Sent) -> Headers:
    return () if sent.length is None else (("Upload-Length", str(sent.length)),)


def _digest(sent: Sent) -> Headers:
    if sent.proof is Proof.NONE:
        return ()
    name, algorithm = ("sha-512", "sha512") if sent.algorithm == "sha512" else ("sha-256", "sha256")
    encoded = b64encode(digest(sent.body, sent.proof, algorithm)).decode()
    return (("Content-Digest", f"{name}=:{encoded}:"),)


def _boolean(value: bool) -> str:
    return "?1" if value else "?0"


def _opposite(said: str) -> str:
    return {"?0": "?1", "?1": "?0"}[said]


def _in_hours(found: re.Match[str]) -> str:
    return f"max-age={round(int(found[1]) / HOUR)}h"
