"""Values that the tests of this folder start from."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from protocol.errors import ProtocolError
from protocol.features import Features
from protocol.headers import Headers
from protocol.upload import Dialect, Kind, Transfer, Upload, UploadId

NOON = 1_403_712_000_000_000
"""Wed, 25 Jun 2014 16:00:00 GMT, the date of the specification's own example, in microseconds."""

NOON_TEXT = "Wed, 25 Jun 2014 16:00:00 GMT"

FEATURES = Features(max_size=1000, metadata_limit=4096, termination=True, expiration=True)

UNLIMITED = replace(FEATURES, max_size=0)

_UPLOAD = Upload(
    id=UploadId("0" * 32),
    tenant="",
    owner="",
    metadata="",
    filename=None,
    filetype=None,
    length=100,
    offset=0,
    synced_offset=0,
    dirty_boot=None,
    state=Transfer.CREATED,
    epoch=0,
    holder=None,
    releasing_until=None,
    expires_at=None,
    dialect=Dialect.TUS,
    kind=Kind.WHOLE,
    concat="",
    key="k",
    ref="k",
    ref_offset=0,
    file_id="f",
    created_at=0,
    updated_at=0,
)


def an_upload(**changes: Any) -> Upload:
    """An upload of 100 bytes of which none has come, but for `changes`."""
    return replace(_UPLOAD, **changes)


def headers(*pairs: tuple[str, str], **named: str) -> Headers:
    """Headers by their names with "_" for "-", and then `pairs` as they are."""
    return Headers([*((name.replace("_", "-"), value) for name, value in named.items()), *pairs])


def refusal_of(parse: Callable[[], object]) -> ProtocolError | None:
    """The refusal that `parse` ends in; any other exception passes."""
    try:
        parse()
    except ProtocolError as refusal:
        return refusal
    return None


def explains(error: ProtocolError, *words: str) -> bool:
    """Whether the message names every one of `words`, in one line of printable ASCII."""
    message = str(error)
    return all(word in message for word in words) and message.isascii() and message.isprintable()
