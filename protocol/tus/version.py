"""Which protocol version a request speaks, and which method it means (tus 1.0.0, Core protocol)."""

from protocol.errors import UnsupportedVersion
from protocol.headers import Headers
from protocol.integers import shown

VERSION = "1.0.0"
"""The version spoken."""

SUPPORTED = (VERSION,)
"""For Tus-Version, most preferred first."""

VERSION_HEADERS = {"Tus-Version": ",".join(SUPPORTED)}


def check_version(headers: Headers) -> None:
    """Raises UnsupportedVersion, and then nothing of the request may be processed (Tus-Resumable).

    Not for OPTIONS, where the header must be ignored.
    """
    asked = headers.one("Tus-Resumable")
    if asked in SUPPORTED:
        return
    found = "missing" if asked is None else shown(asked)
    raise UnsupportedVersion(f"Tus-Resumable is {found}, wanted {VERSION}", headers=VERSION_HEADERS)


def effective_method(method: str, headers: Headers) -> str:
    """The method that is meant: X-HTTP-Method-Override where it was sent, whatever the real one is.

    Methods compare exactly (RFC 9110, 9.1); one all in lower case is read as if in capitals, as some
    clients write it so. The value may be anything a client sends: look it up, never echo it.
    """
    override = headers.one("X-HTTP-Method-Override")
    if override is None:
        return method
    return override.upper() if override.isascii() and override.islower() else override
