"""URLs, as settings write them.

Belongs here: what one must be like. Not here: where events are sent (event_rules.py), which setting holds
which (rules.py).
"""

import ipaddress
import re

from .address_rules import MOST_PORTS, is_address
from .complaint import Complaint
from .event_rules import complain_about_target

_URL = re.compile(
    r"https?://(?P<host>\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|[A-Za-z0-9._-]+)"
    r"(:(?P<port>[0-9]{1,5}))?(?P<path>/[^?#\s]*)?",
    re.ASCII,
)


def complain_about_public_url(url: str) -> Complaint | None:
    """Of what clients are told."""
    parts = _parts_of(url)
    if not url or (parts is not None and int(parts["port"] or 0) <= MOST_PORTS):
        return None
    return Complaint(
        what="is no URL we can build on",
        found=f'"{url}"',
        wanted="http:// or https://, a host, and perhaps a port and a path; no user, no query, no fragment",
        hint=f'write "https://{url}"' if _parts_of(f"https://{url}") else "",
    )


def complain_about_hook_url(url: str) -> Complaint | None:
    """Of where hooks are asked, or a queue is."""
    return complain_about_target(url) if url else None


def complain_about_database_url(url: str) -> Complaint | None:
    """Of the database."""
    scheme, colon, rest = url.partition("://")
    if not url or (colon and scheme in ("postgresql", "postgres") and rest):
        return None
    if scheme == "sqlite" and rest.startswith("/") and rest != "/":
        return None
    hint = ""
    if scheme == "sqlite":
        hint = "three slashes before a relative path, four before an absolute one"
    elif "+" in scheme:
        hint = f"write the scheme without a driver: {scheme.partition('+')[0]}://"
    return Complaint(
        what="is no database URL that we know",
        found=url,
        wanted='"sqlite:///path" or "postgresql://user@host/name"',
        hint=hint,
    )


def complain_about_listen_url(url: str) -> Complaint | None:
    """Of a way to Postgres past its proxy."""
    scheme, colon, rest = url.partition("://")
    if not url or (colon and scheme in ("postgresql", "postgres") and rest):
        return None
    return Complaint(
        what="is no URL to listen on", found=url, wanted='"postgresql://user@host/name", as in database.url'
    )


def complain_about_endpoint(url: str) -> Complaint | None:
    """Of an object store, or what speaks like one."""
    parts = _parts_of(url)
    if not url or (
        parts is not None and parts["path"] in (None, "/") and int(parts["port"] or 0) <= MOST_PORTS
    ):
        return None
    return Complaint(
        what="is no address of a store",
        found=f'"{url}"',
        wanted="http:// or https://, a host, and perhaps a port; the bucket goes to s3_bucket",
        hint=f'write "https://{url}"' if _parts_of(f"https://{url}") else "",
    )


def complain_about_secure_url(url: str) -> Complaint | None:
    """What comes back decides who is let in: nobody in between may write it."""
    if not url or is_secure_url(url):
        return None
    return Complaint(
        what="is no URL that can be trusted",
        found=f'"{url}"',
        wanted="https:// and a host, or http:// and a loopback address; no user, no query, no fragment",
        hint=f'write "https://{url.partition("://")[2] or url}"',
    )


def _parts_of(url: str) -> re.Match[str] | None:
    """None where it is no URL that we can use."""
    parts = _URL.fullmatch(url)
    if parts is None or parts["ipv6"] is None:
        return parts
    # An IPv4 address has no brackets.
    return parts if ":" in parts["ipv6"] and is_address(parts["ipv6"]) else None


def is_secure_url(url: str) -> bool:
    """One that can be asked, and nobody in between can answer."""
    parts = _parts_of(url)
    is_one = parts is not None and int(parts["port"] or 0) <= MOST_PORTS
    return is_one and (url.startswith("https://") or is_local_url(url))


def is_local_url(url: str) -> bool:
    """Its host is this machine."""
    parts = _parts_of(url)
    host = "" if parts is None else parts["host"].strip("[]")
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def complain_about_forward_url(url: str) -> Complaint | None:
    """Of who says who somebody is."""
    parts = _parts_of(url)
    if not url or (parts is not None and int(parts["port"] or 0) <= MOST_PORTS):
        return None
    return Complaint(
        what="is no URL",
        found=f'"{url}"',
        wanted="http:// or https://, a host, and perhaps a port and a path",
    )
