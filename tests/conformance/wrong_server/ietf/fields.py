"""How the wrong server reads the draft's fields, rightly or not.

Belongs here: parsing and refusals. Not here: what is done then.
"""

import json
import re
from collections.abc import Set as AbstractSet
from enum import StrEnum

from tests.conformance.wrong_server.http import Request
from tests.conformance.wrong_server.parsing import Refused

from .bugs import DraftBug

VERSION = "9"
PARTIAL = "application/partial-upload"

_KEY = r"[a-z*][a-z0-9_.*-]*"
_PARAMETERS = rf'(?:; *{_KEY}(?:=(?:[0-9]+|"[^"\\]*"|\?[01]))?)*'
_INTEGER = re.compile(rf"(-?[0-9]{{1,15}}){_PARAMETERS}")
_BOOLEAN = re.compile(rf"\?([01]){_PARAMETERS}")

_TYPES = "https://iana.org/assignments/http-problem-types#"


def speaks(request: Request, bugs: AbstractSet[StrEnum]) -> bool:
    """104s may be sent to this client."""
    if request.http == "HTTP/1.0" and DraftBug.TOLD_TO_THE_OLD not in bugs:
        return False
    said = request.every("Upload-Draft-Interop-Version")
    return said == [VERSION] or bool(said and DraftBug.ANY_VERSION in bugs)


def integer_of(request: Request, name: str, *, bare: bool) -> int | None:
    """None where there is none; `bare` ones have no parameters."""
    text = ", ".join(request.every(name))
    found = _INTEGER.fullmatch(text)
    if found is None or int(found[1]) < 0 or (bare and ";" in text):
        return None
    return int(found[1])


def offset_of(request: Request, bugs: AbstractSet[StrEnum]) -> int | None:
    if DraftBug.KIND_OFFSETS in bugs and request.every("Upload-Offset"):
        text = request.every("Upload-Offset")[0].strip('"')
        return int(text) if re.fullmatch(r"\+?[0-9]+", text) else None
    return integer_of(request, "Upload-Offset", bare=DraftBug.OFFSETS_ARE_DIGITS in bugs)


def length_of(request: Request, bugs: AbstractSet[StrEnum]) -> int | None:
    length = integer_of(request, "Upload-Length", bare=DraftBug.LENGTHS_ARE_DIGITS in bugs)
    if length is None and request.every("Upload-Length") and DraftBug.ODD_LENGTHS_REFUSED in bugs:
        raise problem(400)
    return length


def complete_of(request: Request, bugs: AbstractSet[StrEnum]) -> bool | None:
    """What Upload-Complete says; None where it says nothing."""
    text = ", ".join(request.every("Upload-Complete"))
    if DraftBug.COMPLETE_IS_COMPARED in bugs and text:
        return text == "?1"
    found = _BOOLEAN.fullmatch(text)
    kind = DraftBug.KIND_CREATION if request.method == "POST" else DraftBug.KIND_APPEND
    if found is None and text and kind in bugs:
        return True
    return None if found is None else found[1] == "1"


def problem(status: int, name: str = "", **members: int) -> Refused:
    """A refusal with a problem document (RFC 9457)."""
    document = {"type": f"{_TYPES}{name}" if name else "about:blank"} | {
        key.replace("_", "-"): value for key, value in members.items()
    }
    refused = Refused(status, json.dumps(document), reason="Checksum Mismatch" if status == 460 else None)
    refused.answer.headers = {"Content-Type": "application/problem+json", "Upload-Complete": "?0"}
    return refused


def inconsistent(bugs: AbstractSet[StrEnum]) -> Refused:
    name = "" if DraftBug.PROBLEM_WITHOUT_TYPE in bugs else "inconsistent-upload-length"
    return problem(409 if DraftBug.INCONSISTENT_409 in bugs else 400, name)
