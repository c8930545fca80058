"""Where requests may go, and who may see the caller's headers.

Belongs here: addresses, and the credentials that go with them. Not here: sending anything (wire.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from .errors import BadOptions, WrongAnswer

# RFC 9110, 5.6.2 and 5.5: a field name is a token, a value has no control characters but the tab.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

# Ours to say, or the HTTP library's.
_RESERVED = re.compile(
    r"(tus|upload|content)-.*|transfer-encoding|connection|expect|x-http-method-override", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The URL that creates uploads, and what its server is to be told."""

    url: URL
    """Without user name and password: they are in `headers`."""
    headers: Mapping[str, str]

    def locate(self, location: str) -> URL:
        """The URL of an upload, from a Location, which may be relative (RFC 9110, 10.2.2).

        Raises WrongAnswer.
        """
        try:
            url = _resolvable(self.url.join(URL(location)))
        except ValueError:
            url = URL()
        if url.scheme not in ("http", "https") or not url.host or url == self.url:
            raise WrongAnswer(f"{location!r} is no place for an upload to {self.url}")
        if self.url.scheme == "https" and url.scheme == "http":
            raise WrongAnswer(
                f"{location} would send in the clear what was to go to {self.url}; "
                "the server has to be told its public URL (or to trust its proxy's X-Forwarded-Proto)"
            )
        return url.with_user(None).with_fragment(None)

    def headers_for(self, url: URL) -> Mapping[str, str]:
        """The caller's headers, and none for another host: any of them may be a secret."""
        return self.headers if self.trusts(url) else {}

    def trusts(self, url: URL) -> bool:
        """Whether a URL is on the host that the caller named."""
        return url.host == self.url.host and url.scheme in {self.url.scheme, "https"}


def endpoint_of(url: str, headers: Mapping[str, str]) -> Endpoint:
    """Raises BadOptions for what is no URL of a web server, and for headers that cannot be sent."""
    try:
        parsed = _resolvable(URL(url))
    except ValueError:
        parsed = URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise BadOptions(f"{url!r} is no URL of uploads, wanted something like https://example.org/files/")
    for name, value in headers.items():
        _check_header(name, value)
    return Endpoint(url=parsed.with_user(None).with_fragment(None), headers={**_basic(parsed), **headers})


def proxy_for(url: URL) -> str | None:
    """The proxy that the environment names for a URL, as curl reads it.

    Not left to the HTTP library, which would read passwords from ~/.netrc as well: they are sent where nobody
    asked for it, and collide with an Authorization that the caller gave.
    """
    if url.host is None or proxy_bypass(url.host):
        return None
    proxy = getproxies().get(url.scheme)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _resolvable(url: URL) -> URL:
    """Raises ValueError for a host that is no name: resolvers raise it where nobody expects it."""
    (url.raw_host or "").encode("idna")
    return url


def _basic(url: URL) -> dict[str, str]:
    """User name and password of a URL, as a header (RFC 7617)."""
    if url.user is None:
        return {}
    from base64 import b64encode  # noqa: PLC0415  # hardly ever needed

    pair = f"{url.user}:{url.password or ''}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode('ascii')}"}


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        # The value may be a secret.
        raise BadOptions(f"the header {name!r} cannot be sent: a character is not allowed there")
    if _RESERVED.fullmatch(name):
        raise BadOptions(f"the header {name} is not the caller's to choose: it belongs to the protocol")
