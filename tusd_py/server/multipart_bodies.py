"""What requests say in JSON of uploads in parts.

Belongs here: reading it, and its schemas. Not here: what answers say (multipart_json.py), routes
(multipart_face.py).
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocol.errors import InvalidBody, InvalidPart
from protocol.integers import LARGEST
from protocol.metadata import Metadata, format_metadata, parse_metadata
from tusd_py.uploads.multipart import MOST_PARTS

from .route import Schema

LONGEST_LIST = 256 << 10
"""Bytes of JSON: of a thousand parts, also where it is indented."""
MOST_LISTED = 1024
"""Parts in a list: of the largest object in a bucket, whose parts are as large as they may be."""
MOST_URLS = 100
"""Given out at once."""
_MOST_VALUES = 32
_NUMBER = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
DIGEST = "sha-256"
_SHA256_BYTES = 32
DIRECT_NUMBER: Schema = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """How an upload in parts is begun."""

    metadata: Metadata
    length: int | None
    is_direct: bool
    """Its parts go to the store itself."""
    is_proven: bool
    """Each of those with a digest."""

    @property
    def direct_length(self) -> int:
        """Raises InvalidBody."""
        if self.length is None:
            raise InvalidBody("file_size is not there, wanted with direct, as the parts are planned by it")
        if self.length == 0:
            raise InvalidBody("file_size is 0, wanted 1 or more with direct: nothing has no parts")
        return self.length


def read_beginning(wanted: Mapping[str, Any], *, metadata_limit: int) -> Beginning:
    """Raises InvalidBody, InvalidMetadata."""
    _only(wanted, "filename", "filetype", "file_size", "metadata", "direct", "digest")
    values: dict[str, str | bytes] = {**_texts(wanted.get("metadata"))}
    values |= {name: _text(wanted, name) for name in ("filename", "filetype") if wanted.get(name) is not None}
    is_direct = _switch(wanted, "direct")
    return Beginning(
        metadata=parse_metadata(format_metadata(values), limit=metadata_limit),
        length=_size(wanted.get("file_size")),
        is_direct=is_direct,
        is_proven=_is_proven(wanted.get("digest"), is_direct=is_direct),
    )


def part_number(text: str) -> int:
    """In a path. Raises InvalidPart."""
    if not _NUMBER.fullmatch(text) or int(text) > MOST_PARTS:
        raise InvalidPart(f"the part number is {text[:40]!a}, wanted 1 to {MOST_PARTS}")
    return int(text)


def read_etags(said: Mapping[str, Any], *, most: int) -> dict[int, str] | None:
    """By the numbers of up to `most` parts; None where there is no list. Raises InvalidBody."""
    _only(said, "parts")
    listed = said.get("parts")
    if listed is None:
        return None
    if not isinstance(listed, list) or len(listed) > most:
        raise InvalidBody(f"parts is no list of at most {most}")
    wanted: dict[int, str] = {}
    for number, etag in (_wanted_part(one, most) for one in listed):
        if number in wanted:
            raise InvalidBody(f"part {number} is there twice")
        wanted[number] = etag
    return wanted


def read_wanted_urls(said: Mapping[str, Any]) -> dict[int, str | None]:
    """Digests by numbers; None where there is none. Raises InvalidBody."""
    _only(said, "parts", "digests")
    parts, digests = said.get("parts"), said.get("digests")
    if (parts is None) == (digests is None):
        raise InvalidBody(
            "wanted either parts, a list of numbers, or digests, an object of sha-256 by number"
        )
    if digests is None:
        return dict.fromkeys(_numbers(parts))
    if not isinstance(digests, dict) or not 1 <= len(digests) <= MOST_URLS:
        raise InvalidBody(f"digests is not an object of 1 to {MOST_URLS} texts")
    return {_key(number): _digest(number, digest) for number, digest in digests.items()}


def _numbers(parts: object) -> list[int]:
    if not isinstance(parts, list) or not 1 <= len(parts) <= MOST_URLS:
        raise InvalidBody(f"parts is not a list of 1 to {MOST_URLS} numbers")
    for number in parts:
        if not isinstance(number, int) or isinstance(number, bool):
            raise InvalidBody(f"in parts there is {str(number)[:40]!a}, wanted a number")
    return parts


def _key(number: str) -> int:
    if not _NUMBER.fullmatch(number):
        raise InvalidBody(f"in digests there is {number[:40]!a}, wanted the number of a part")
    return int(number)


def _digest(number: str, digest: object) -> str:
    if isinstance(digest, str):
        try:
            if len(b64decode(digest, validate=True)) == _SHA256_BYTES:
                return digest
        except (NotBase64, ValueError):
            pass
    raise InvalidBody(f"the digest of part {number} is {str(digest)[:60]!a}, wanted a sha-256 in base64")


def _only(said: Mapping[str, Any], *known: str) -> None:
    unknown = sorted(set(said) - set(known))
    if unknown:
        raise InvalidBody(f"{unknown[0][:40]!a} is unknown, wanted {', '.join(known)}")


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said[name]
    if not isinstance(value, str):
        raise InvalidBody(f"{name} is {str(value)[:40]!a}, wanted a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidBody(f"{name} has half of a surrogate pair in it, wanted Unicode text") from None
    return value


def _texts(values: object) -> dict[str, str]:
    if values is None:
        return {}
    if not isinstance(values, dict) or len(values) > _MOST_VALUES:
        raise InvalidBody(f"metadata is not an object of at most {_MOST_VALUES} texts")
    return {name: _text(values, name) for name in values}


def _size(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise InvalidBody(f"file_size is {str(value)[:40]!a}, wanted a number of bytes, or null")
    return value


def _switch(said: Mapping[str, Any], name: str) -> bool:
    value = said.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidBody(f"{name} is {str(value)[:40]!a}, wanted true or false")
    return bool(value)


def _is_proven(digest: object, *, is_direct: bool) -> bool:
    if digest is None:
        return False
    if digest != DIGEST:
        raise InvalidBody(f"digest is {str(digest)[:40]!a}, wanted {DIGEST!a}, or null")
    if not is_direct:
        raise InvalidBody("digest is said without direct, and other parts come with Content-Digest")
    return True


def _wanted_part(one: object, most: int) -> tuple[int, str]:
    if not isinstance(one, dict) or set(one) != {"part_number", "etag"}:
        raise InvalidBody("a part is not an object of part_number and etag")
    number, etag = one["part_number"], one["etag"]
    if not isinstance(number, int) or isinstance(number, bool) or not isinstance(etag, str):
        raise InvalidBody("part_number is not a number, or etag is not a text")
    if not 1 <= number <= most:
        raise InvalidBody(f"part_number is {str(number)[:40]}, wanted 1 to {most}")
    return number, etag.strip('"')


BEGIN: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "filename": {"type": ["string", "null"]},
        "filetype": {"type": ["string", "null"]},
        "file_size": {"type": ["integer", "null"], "minimum": 0, "maximum": LARGEST},
        "metadata": {
            "type": ["object", "null"],
            "maxProperties": _MOST_VALUES,
            "additionalProperties": {"type": "string"},
            "description": "As in Upload-Metadata of tus: path, file_id, and whatever else.",
        },
        "direct": {
            "type": ["boolean", "null"],
            "description": "Its parts go to the store itself; file_size has to be said.",
        },
        "digest": {
            "enum": [DIGEST, None],
            "description": "With direct: each part comes with its SHA-256, to which the store holds it.",
        },
    },
}

COMPLETE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "parts": {
            "type": ["array", "null"],
            "maxItems": MOST_LISTED,
            "description": "Without it, all parts, which must be numbered from 1 without a gap.",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["part_number", "etag"],
                "properties": {"part_number": {"type": "integer"}, "etag": {"type": "string"}},
            },
        }
    },
}

WANTED_URLS: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "parts": {"type": ["array", "null"], "minItems": 1, "maxItems": MOST_URLS, "items": DIRECT_NUMBER},
        "digests": {
            "type": ["object", "null"],
            "minProperties": 1,
            "maxProperties": MOST_URLS,
            "additionalProperties": {"type": "string"},
            "description": "By part number, in base64; instead of parts, where it was begun with digest.",
        },
    },
}
