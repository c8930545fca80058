"""Addresses, host names and networks, as settings write them.

Belongs here: what one must be like. Not here: URLs (url_rules.py), which setting holds which (rules.py).
"""

import ipaddress
import re

from .complaint import Complaint, first_of

_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?", re.ASCII
)
MOST_PORTS = 65535
_NETWORKS = 'networks such as "10.0.0.0/8", "192.0.2.7" or "fd00::/8"'


def complain_about_host(host: str) -> Complaint | None:
    """Of where we listen."""
    if is_address(host) or _HOST_NAME.fullmatch(host):
        return None
    inner = host.removeprefix("[").partition("]")[0]
    hint = f'write "{inner}"' if host.startswith("[") and is_address(inner) else ""
    name, colon, port = host.partition(":")
    if colon and port.isdecimal():
        hint = f'write host = "{name}" and port = {port}'
    if not host:
        hint = 'write "0.0.0.0" to listen on every IPv4 address, "::" for IPv6 too'
    return Complaint(
        what="is no address", found=f'"{host}"', wanted="an IP address or a host name", hint=hint
    )


def complain_about_clamd_host(host: str) -> Complaint | None:
    """pyclamd speaks IPv4 only."""
    if not host or (":" not in host and complain_about_host(host) is None):
        return None
    return Complaint(
        what="is no address",
        found=f'"{host}"',
        wanted="an IPv4 address, a host name that has one, or nothing",
    )


def is_address(text: str) -> bool:
    """Whether it is an IPv4 or IPv6 address without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def complain_about_proxies(networks: tuple[str, ...]) -> Complaint | None:
    """Of whoever may speak for others: machines, or the peer of a Unix socket."""
    return first_of(
        networks, lambda text: None if text == "unix" else _network(text, f'{_NETWORKS}, or "unix"')
    )


def complain_about_networks(networks: tuple[str, ...]) -> Complaint | None:
    """Of machines."""
    return first_of(networks, lambda text: _network(text, _NETWORKS))


def _network(text: str, wanted: str) -> Complaint | None:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return Complaint(
            what="holds something that is no network",
            found=f'"{text}"',
            wanted=wanted,
            hint=_network_hint(text),
        )
    return None


def _network_hint(network: str) -> str:
    try:
        return f'write "{ipaddress.ip_network(network, strict=False)}", which has no bits set below the mask'
    except ValueError:
        return "names are not resolved: write the address" if _HOST_NAME.fullmatch(network) else ""


def complain_about_host_names(hosts: tuple[str, ...]) -> Complaint | None:
    """Of names by which we are asked."""
    return first_of(hosts, _allowed_host)


def _allowed_host(host: str) -> Complaint | None:
    if is_address(host) or _HOST_NAME.fullmatch(host):
        return None
    return Complaint(
        what="holds something that is no host name",
        found=f'"{host}"',
        wanted='names such as "uploads.example.org", without scheme, port and path',
    )
