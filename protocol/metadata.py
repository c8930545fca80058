"""Upload-Metadata: `key[ base64]`, comma separated (tus 1.0.0, Upload-Metadata).

Belongs here: the header's grammar and the values that the server itself looks at.
Not here: keeping the header (it is echoed as it came, never written anew).
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .errors import InvalidMetadata
from .filenames import safe_filename
from .integers import shown
from .media_types import essence_of
from .paths import NoPath, last_part, parse_path

# Printable ASCII without space and comma; the length is ours, so that keys fit wherever they are listed.
_KEY = re.compile(r"[!-+\--~]{1,64}", re.ASCII)

# RFC 6838, 4.2 allows 127 characters on each side of the slash; the same again for parameters.
_LONGEST_TYPE = 511

# What uppy, tus-js-client and tuspy users call them.
_FILENAME_KEYS = ("filename", "name")
_FILE_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_FILETYPE_KEYS = ("filetype", "type", "mime_type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a client says about its upload."""

    raw: str
    """The header as it came, "" when there was none."""
    values: Mapping[str, bytes]
    """Decoded; may hold anything, so never put one into a header or a path."""

    @property
    def filename(self) -> str | None:
        """Safe to show; see `safe_filename`. Without a name, the last part of the path."""
        named = self._first(_FILENAME_KEYS)
        if named is None:
            path = self.path
            return None if path is None else safe_filename(last_part(path))
        return safe_filename(named.decode("utf-8", "replace"))

    @property
    def path(self) -> str | None:
        """Where the file belongs; see `parse_path`. Never raises for what `parse_metadata` gave."""
        named = self.values.get("path")
        return _path(named) if named else None

    @property
    def names_a_file(self) -> bool:
        """It says which file this is to be a version of, or where it belongs."""
        return bool(self.values.get("path") or self.values.get("file_id"))

    @property
    def file_id(self) -> str | None:
        """The file that this is to be the next version of, if it looks like the id of one."""
        named = self.values.get("file_id", b"").decode("utf-8", "replace")
        return named if _FILE_ID.fullmatch(named) else None

    @property
    def filetype(self) -> str | None:
        """What the client calls it, if it is a media type. Nobody checked that the bytes are one."""
        named = self._first(_FILETYPE_KEYS)
        if named is None or len(named) > _LONGEST_TYPE:
            return None
        text = named.decode("utf-8", "replace")
        return None if essence_of(text) is None else text

    def _first(self, keys: tuple[str, ...]) -> bytes | None:
        return next((self.values[key] for key in keys if self.values.get(key)), None)


def format_metadata(values: Mapping[str, str | bytes]) -> str:
    """The header for these values. Raises InvalidMetadata for a key that cannot be one."""
    return ",".join(_element(key, value) for key, value in values.items())


def _element(key: str, value: str | bytes) -> str:
    if not _KEY.fullmatch(key):
        raise InvalidMetadata(f"the metadata key {shown(key)}, wanted 1 to 64 of !-~ without comma")
    content = value.encode() if isinstance(value, str) else value
    return f"{key} {b64encode(content).decode('ascii')}".rstrip(" ")


def parse_metadata(raw: str | None, *, limit: int) -> Metadata:
    """Raises InvalidMetadata, also for a header of more than `limit` bytes.

    An empty header is no header: tuspy always sends one.
    """
    if raw is None or not raw.strip(" \t"):
        return Metadata(raw="", values=MappingProxyType({}))
    if len(raw) > limit:
        raise InvalidMetadata(f"Upload-Metadata has {len(raw)} bytes, wanted at most {limit}")
    values: dict[str, bytes] = {}
    for element in raw.split(","):
        # RFC 9110, 5.6.1 has optional whitespace around list elements, and older clients send it.
        key, _, encoded = element.strip(" \t").partition(" ")
        if not _KEY.fullmatch(key):
            raise InvalidMetadata(
                f"Upload-Metadata has the key {shown(key)}, wanted 1 to 64 of !-~ without comma"
            )
        if key in values:
            raise InvalidMetadata(f"Upload-Metadata has the key {shown(key)} twice, wanted every key once")
        values[key] = _decoded(key, encoded)
    if values.get("path"):
        # Refused at once: at the end of the upload it would be too late.
        _path(values["path"])
    return Metadata(raw=raw, values=MappingProxyType(values))


def _path(named: bytes) -> str:
    try:
        return parse_path(named.decode())
    except UnicodeDecodeError:
        raise InvalidMetadata("Upload-Metadata has a path that is not UTF-8") from None
    except NoPath as problem:
        raise InvalidMetadata(f"Upload-Metadata has {problem}") from None


def _decoded(key: str, encoded: str) -> bytes:
    try:
        value = b64decode(encoded, validate=True)
    except ValueError:
        value = None
    # Written back, because b64decode passes non-zero padding bits: one value, one spelling (RFC 4648, 3.5).
    if value is None or b64encode(value).decode("ascii") != encoded:
        raise InvalidMetadata(
            f"Upload-Metadata has the value {shown(encoded)} for {shown(key)}, wanted padded standard base64"
        )
    return value
