"""What a hook is told, and reading what it says, in tusd's JSON (version 2).

Belongs here: both forms. Not here: how they travel (by_http.py, by_program.py).
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from protocol.integers import shown
from protocol.metadata import parse_metadata
from protocol.upload import Kind, Upload
from tusd_py.metadata.upload_row import NewUpload

from .kinds import Asked, HookAnswer, HookFailed, HookKind, HttpAnswer

StorageOf = Callable[[Upload], Mapping[str, str]]
"""Where tusd's receivers look for the bytes."""

_KNOWN = frozenset({"HTTPResponse", "RejectUpload", "RejectTermination", "ChangeFileInfo", "StopUpload"})
_STATUSES = range(200, 600)

# RFC 9110, 5.6.2.
_TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+", re.ASCII)
# RFC 9110, 5.5: of these only tabs may be in a value.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

# RFC 9110, 7.6.1, and Content-Length: were one wrong, a client would take the next answer for a part of it.
_OF_THE_CONNECTION = frozenset(
    {
        *("content-length", "transfer-encoding", "trailer", "te"),
        *("connection", "keep-alive", "proxy-connection", "upgrade"),
    }
)


def payload_of(
    kind: HookKind, upload: Upload | NewUpload, asked: Asked | None, storage_of: StorageOf, *, offset: int
) -> dict[str, Any]:
    """`Type` and `Event`; before an upload is made it has no id and no storage, as tusd's have none."""
    is_new = isinstance(upload, NewUpload)
    return {
        "Type": kind.value,
        "Event": {
            "Upload": {
                "ID": "" if is_new else upload.id,
                "Size": upload.length or 0,
                "SizeIsDeferred": upload.length is None,
                "Offset": offset,
                "MetaData": metadata_of(upload.metadata),
                "IsPartial": upload.kind is Kind.PARTIAL,
                "IsFinal": upload.kind is Kind.FINAL,
                "PartialUploads": _partials(upload.concat) if upload.kind is Kind.FINAL else None,
                "Storage": None if isinstance(upload, NewUpload) else dict(storage_of(upload)),
                **_part_of(upload),
            },
            "HTTPRequest": _request(asked),
        },
    }


def metadata_of(raw: str) -> dict[str, str]:
    """Values as text; what is not UTF-8 is marked as such, as a JSON text holds nothing else."""
    found = parse_metadata(raw, limit=len(raw))
    return {name: value.decode(errors="replace") for name, value in found.values.items()}


def read_answer(kind: HookKind, said: bytes) -> HookAnswer:
    """Nothing at all is an answer, too: it agrees. Raises HookFailed."""
    if not said.strip():
        return HookAnswer()
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        raise HookFailed(f"{kind}: what it said is not JSON") from None
    if not isinstance(answer, dict):
        raise HookFailed(f"{kind}: what it said is no JSON object")
    if unknown := sorted(set(answer) - _KNOWN):
        # Passing by something that may be a refusal would let in what was refused.
        raise HookFailed(f"{kind}: {unknown[0]!r} is not among {', '.join(sorted(_KNOWN))}")
    return HookAnswer(
        http=_http_answer(kind, answer.get("HTTPResponse")),
        rejects_upload=_truth(kind, answer, "RejectUpload"),
        rejects_termination=_truth(kind, answer, "RejectTermination"),
        stops_upload=_truth(kind, answer, "StopUpload"),
        metadata=_changed_metadata(kind, answer.get("ChangeFileInfo")),
    )


def _request(asked: Asked | None) -> dict[str, Any]:
    if asked is None:
        return {"Method": "", "URI": "", "RemoteAddr": "", "Header": {}}
    headers: dict[str, list[str]] = {}
    for name, value in asked.headers:
        headers.setdefault(canonical(name), []).append(value)
    return {"Method": asked.method, "URI": asked.uri, "RemoteAddr": asked.remote, "Header": headers}


def canonical(name: str) -> str:
    """As Go writes it: Upload-Offset."""
    return "-".join(part.capitalize() for part in name.split("-"))


def _part_of(upload: Upload | NewUpload) -> dict[str, Any]:
    """What tusd has no name for, only where there is something to say."""
    part = upload.part_of
    return {} if part is None else {"PartOf": {"ID": part.upload_id, "Number": part.number}}


def _partials(concat: str) -> list[str]:
    return [url.rstrip("/").rpartition("/")[2] for url in concat.partition(";")[2].split()]


def _truth(kind: HookKind, answer: Mapping[str, Any], name: str) -> bool:
    value = answer.get(name) or False
    if not isinstance(value, bool):
        raise HookFailed(f"{kind}: {name} is neither true nor false")
    return value


def _http_answer(kind: HookKind, said: Any) -> HttpAnswer:
    if said is None:
        return HttpAnswer()
    if not isinstance(said, dict):
        raise HookFailed(f"{kind}: HTTPResponse is no object")
    status, body, headers = said.get("StatusCode") or 0, said.get("Body") or "", said.get("Header") or {}
    if not isinstance(status, int) or (status and status not in _STATUSES):
        raise HookFailed(f"{kind}: HTTPResponse.StatusCode is {status!r}, wanted 200 to 599")
    if not isinstance(body, str):
        raise HookFailed(f"{kind}: HTTPResponse.Body is no text")
    if not _is_utf_8(body):
        raise HookFailed(f"{kind}: HTTPResponse.Body has a lone surrogate, wanted UTF-8")
    if not isinstance(headers, dict):
        raise HookFailed(f"{kind}: HTTPResponse.Header is no object")
    for name, value in headers.items():
        _check_header(kind, name, value)
    return HttpAnswer(status=status, body=body, headers=headers)


def _check_header(kind: HookKind, name: str, value: Any) -> None:
    """Raises HookFailed. The value is not told: it may be a secret."""
    if not _TOKEN.fullmatch(name):
        raise HookFailed(f"{kind}: HTTPResponse.Header has the name {shown(name)}, wanted a token")
    if name.lower() in _OF_THE_CONNECTION:
        raise HookFailed(f"{kind}: HTTPResponse.Header has {name}, which belongs to the connection")
    if not isinstance(value, str):
        raise HookFailed(f"{kind}: HTTPResponse.Header has no text for {name}")
    if _CONTROL.search(value) or not _is_utf_8(value):
        raise HookFailed(f"{kind}: HTTPResponse.Header has a control or a lone surrogate for {name}")


def _is_utf_8(text: str) -> bool:
    """JSON may hold halves of characters, which no encoding has."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _changed_metadata(kind: HookKind, said: Any) -> Mapping[str, str] | None:
    if said is None:
        return None
    if not isinstance(said, dict):
        raise HookFailed(f"{kind}: ChangeFileInfo is no object")
    if said.get("ID"):
        raise HookFailed(f"{kind}: ChangeFileInfo.ID cannot be granted: ids are 128 random bits")
    if said.get("Storage"):
        raise HookFailed(f"{kind}: ChangeFileInfo.Storage cannot be granted: see storage.key_template")
    metadata = said.get("MetaData")
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise HookFailed(f"{kind}: ChangeFileInfo.MetaData is no object of texts")
    if not all(_is_utf_8(text) for pair in metadata.items() for text in pair):
        raise HookFailed(f"{kind}: ChangeFileInfo.MetaData has a lone surrogate, wanted UTF-8")
    return metadata
