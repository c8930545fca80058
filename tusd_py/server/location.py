"""What we are called from outside, and who is calling: from headers only where a trusted proxy wrote them.

Belongs here: Location, the public origin, the client's address. Not here: who may be served (guard.py).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

from tusd_py.config.settings import Settings
from tusd_py.errors import Refused

Address = IPv4Address | IPv6Address

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?"
_HOST = re.compile(rf"(?:{_NAME}|\[([0-9A-Fa-f:.]+)\])(?::[0-9]{{1,5}})?", re.ASCII)
_X_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto")

_IPV6_NET = 64
"""Bits of an address that stand for one subscriber."""

_LONGEST_HOST = 261
"""A DNS name of 255 bytes and a port."""

# RFC 7239, 4: token "=" (token / quoted-string), separated by ";" within an element.
_FORWARDED_PAIR = re.compile(
    r"""\s*([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+))\s*(?:;|\Z)""", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """The proxies whose forwarding headers are believed."""

    networks: tuple[IPv4Network | IPv6Network, ...]
    unix: bool

    def knows(self, address: Address | None) -> bool:
        """None is the peer of a Unix socket."""
        if address is None:
            return self.unix
        return any(address in network for network in self.networks)


NO_PROXIES = Trusted(networks=(), unix=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """What the proxy next to us says of the request it got; empty where it says nothing we can use."""

    host: str = ""
    scheme: str = ""


@lru_cache(maxsize=8)
def trusted_networks(entries: tuple[str, ...]) -> Trusted:
    """Parse server.trusted_proxies. Raises Refused."""
    try:
        networks = tuple(ip_network(entry) for entry in entries if entry != "unix")
    except ValueError as exc:
        raise Refused(f"server.trusted_proxies: {exc}", hint='Write networks such as "10.0.0.0/8".') from exc
    return Trusted(networks=networks, unix="unix" in entries)


@lru_cache(maxsize=256)
def is_valid_host(text: str) -> bool:
    """A host name or address as in a Host header, with or without a port; nothing else."""
    matched = _HOST.fullmatch(text) if len(text) <= _LONGEST_HOST else None
    if matched is None:
        return False
    return matched[1] is None or _is_ipv6(matched[1])


def upload_url(
    request: web.BaseRequest, settings: Settings, upload_id: str, *, base_path: str | None = None
) -> str:
    """The absolute URL of an upload. `base_path` for faces that are mounted elsewhere."""
    base = settings.server.base_path if base_path is None else base_path
    return f"{public_origin(request, settings)}{base.rstrip('/')}/{upload_id}"


def public_origin(request: web.BaseRequest, settings: Settings) -> str:
    """Scheme and authority as clients see them, without a slash at the end.

    server.public_url, else what a trusted proxy says, else what the client asked for.
    """
    if settings.server.public_url:
        return settings.server.public_url.rstrip("/")
    hop = _last_hop(request, settings)
    scheme = hop.scheme or ("https" if request.get_extra_info("sslcontext") else "http")
    return f"{scheme}://{hop.host or _asked_host(request)}"


def client_address(request: web.BaseRequest, settings: Settings) -> str:
    """The address nearest to the client that no untrusted party could have made up; "" on a Unix socket."""
    trusted = trusted_networks(settings.server.trusted_proxies)
    address, known = _peer(request)
    nearest = address
    if not known or not trusted.knows(address):
        return "" if nearest is None else _text_of(nearest)
    for claimed in reversed(_claimed_addresses(request)):
        if not trusted.knows(address):
            break
        address = parse_address(claimed)
        if address is None:
            break
        nearest = address
    return "" if nearest is None else _text_of(nearest)


def is_forwarded(request: web.BaseRequest) -> bool:
    """Some proxy says it was between the client and us, trusted or not."""
    return any(
        name in request.headers
        for name in (
            "Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Real-IP",
            "Via",
        )
    )


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def _text_of(address: Address) -> str:
    return str(address)


def _peer(request: web.BaseRequest) -> tuple[Address | None, bool]:
    """The other end of the connection, and whether we know it at all; None is a Unix socket."""
    remote = request.remote
    if remote is None:
        return None, False
    return parse_address(remote), True


def subscriber(address: Address) -> str:
    """Who has it, as far as can be told: of IPv6, everybody has a /64."""
    if isinstance(address, IPv4Address):
        return _text_of(address)
    return str(int(address) >> (address.max_prefixlen - _IPV6_NET))


@lru_cache(maxsize=1024)
def parse_address(text: str) -> Address | None:
    """None for what is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket for both families shows IPv4 peers as ::ffff:192.0.2.1.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _asked_host(request: web.BaseRequest) -> str:
    """The Host header; HTTP/1.0 clients may leave it out, then the address they reached."""
    host = request.headers.get("Host", "")
    if is_valid_host(host):
        return host
    reached = request.get_extra_info("sockname")
    if not isinstance(reached, tuple):
        return "localhost"
    name = f"[{reached[0]}]" if ":" in reached[0] else reached[0]
    return f"{name}:{reached[1]}"


def _last_hop(request: web.BaseRequest, settings: Settings) -> Hop:
    """What the peer says, if it is a trusted proxy. Only its own, the last, value counts."""
    address, known = _peer(request)
    if not known or not trusted_networks(settings.server.trusted_proxies).knows(address):
        return Hop()
    if _is_x_forwarded(request):
        return _hop(_last(request, "X-Forwarded-Host"), _last(request, "X-Forwarded-Proto"))
    said = _forwarded(_last(request, "Forwarded"))
    return _hop(said.get("host", ""), said.get("proto", ""))


def _is_x_forwarded(request: web.BaseRequest) -> bool:
    """Then Forwarded says nothing: proxies that write X-Forwarded-* pass a client's Forwarded on unread."""
    return any(name in request.headers for name in _X_FORWARDED)


def _hop(host: str, scheme: str) -> Hop:
    return Hop(
        host=host if is_valid_host(host) else "",
        scheme=scheme.lower() if scheme.lower() in ("http", "https") else "",
    )


def _values(request: web.BaseRequest, name: str) -> list[str]:
    joined = ",".join(request.headers.getall(name, []))
    return [part.strip() for part in joined.split(",") if part.strip()]


def _last(request: web.BaseRequest, name: str) -> str:
    values = _values(request, name)
    return values[-1] if values else ""


def _forwarded(element: str) -> dict[str, str]:
    """One element of Forwarded (RFC 7239, 4); {} if any of it is malformed or said twice."""
    found: dict[str, str] = {}
    position = 0
    while position < len(element):
        pair = _FORWARDED_PAIR.match(element, position)
        if pair is None or pair[1].lower() in found:
            return {}
        found[pair[1].lower()] = re.sub(r"\\(.)", r"\1", pair[2]) if pair[2] is not None else pair[3]
        position = pair.end()
    return found


def _claimed_addresses(request: web.BaseRequest) -> list[str]:
    """Addresses that proxies say they were called from, the last one by the proxy next to us."""
    if _is_x_forwarded(request):
        return [_without_port(value) for value in _values(request, "X-Forwarded-For")]
    return [_without_port(_forwarded(value).get("for", "")) for value in _values(request, "Forwarded")]


def _without_port(text: str) -> str:
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?", text)
    if bracketed:
        return bracketed[1]
    return re.sub(r"\A([0-9.]+):[0-9]{1,5}\Z", r"\1", text)
