"""Where something lives: a creation URL or an upload URL.

Belongs here: taking URLs apart, and joining what Location says. Not here: connections.
"""

from dataclasses import dataclass
from typing import Self
from urllib.parse import urljoin, urlsplit

from .connection import Address

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A URL that can be asked."""

    url: str
    address: Address
    path: str
    """With the query, as it goes into the request line."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError for what is not an http or https URL."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"wanted the http or https URL where uploads are created, found {url!r}")
        port = parts.port or _PORTS[parts.scheme]
        authority = parts.netloc.rpartition("@")[2]
        address = Address(host=parts.hostname, port=port, tls=parts.scheme == "https", authority=authority)
        query = f"?{parts.query}" if parts.query else ""
        return cls(url=url, address=address, path=(parts.path or "/") + query)

    def join(self, location: str) -> Self:
        """What `location`, absolute or relative, means here (RFC 9110, 10.2.2)."""
        return type(self).parse(urljoin(self.url, location))

    def beside(self, name: str) -> Self:
        """The resource `name` in the collection that this URL is."""
        return type(self).parse(f"{self.url.split('?')[0].rstrip('/')}/{name}")
