"""Which form of the draft a request speaks (Upload-Draft-Interop-Version), and whether it does at all.

Belongs here: telling requests of this dialect from others, and what earlier forms called otherwise. Not here:
what the fields mean (create.py, append.py).
"""

from dataclasses import dataclass

from protocol.headers import Headers
from protocol.media_types import essence_of
from protocol.structured import boolean, boolean_item, integer_item

VERSIONS = (3, 4, 5, 6, 7, 8, 9)
"""Interop versions that are spoken: drafts -01 to -12. Phones have 3, 5, 6 and 8; tus-js-client 5 and 6."""

VERSION_FIELD = "Upload-Draft-Interop-Version"
MEDIA_TYPE = "application/partial-upload"

_COMPLETE, _INCOMPLETE = "Upload-Complete", "Upload-Incomplete"
_SAYS_INCOMPLETE = (3,)
"""Draft -01 has the field the other way round."""
_OF_TUS_JS_CLIENT = (5, 6)
_TYPED_SINCE = 6
"""Draft -04. Before it a PATCH had no media type of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interop:
    """The form of one exchange."""

    version: int | None
    """None where the request names none that is spoken: then interim responses of the draft are not sent."""

    @property
    def has_media_type(self) -> bool:
        """A PATCH has to be of `MEDIA_TYPE`."""
        return self.version is None or self.version >= _TYPED_SINCE

    @property
    def is_of_tus_js_client(self) -> bool:
        """It may be tus-js-client, which has habits of its own in this dialect."""
        return self.version in _OF_TUS_JS_CLIENT

    def complete(self, headers: Headers) -> bool | None:
        """What the client says of the upload's end; None where it says nothing that can be understood."""
        if self.version in _SAYS_INCOMPLETE:
            incomplete = boolean_item(headers.every(_INCOMPLETE))
            return None if incomplete is None else not incomplete
        return boolean_item(headers.every(_COMPLETE))

    def ends(self, *, complete: bool) -> bool | None:
        """`Creation.complete` of a request that says so; None where the length has to tell.

        tus-js-client calls an upload done whose last byte was answered, and does not always say that it was
        the last: one that waited for the word would expire. tusd goes by the length, too.
        """
        return None if self.is_of_tus_js_client and not complete else complete

    def completeness(self, *, complete: bool) -> dict[str, str]:
        """The field that answers say it in."""
        if self.version in _SAYS_INCOMPLETE:
            return {_INCOMPLETE: boolean(not complete)}
        return {_COMPLETE: boolean(complete)}


def interop_of(headers: Headers) -> Interop:
    """A version that is not spoken is no error: the client falls back (draft, Appendix)."""
    version = integer_item(headers.every(VERSION_FIELD))
    return Interop(version=version if version in VERSIONS else None)


def is_creation(headers: Headers) -> bool:
    """A POST or PUT without Tus-Resumable wants an upload of this dialect (4.2.1)."""
    return headers.has(VERSION_FIELD) or interop_of(headers).complete(headers) is not None


def is_append(headers: Headers) -> bool:
    """A PATCH without Tus-Resumable means this dialect, be it ever so wrong otherwise."""
    named = (VERSION_FIELD, _COMPLETE, _INCOMPLETE)
    content_type = headers.every("Content-Type")
    return any(map(headers.has, named)) or [essence_of(text) for text in content_type] == [MEDIA_TYPE]
