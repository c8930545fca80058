"""Where webhooks may go: to public addresses, and to networks that the operator names.

A name is checked where it is resolved, and what is connected to is checked once more as it is: a name that
leads somewhere else at its second look-up, a redirect or an odd spelling of 127.0.0.1 come no further than
this. Server-side request forgery is the threat (OWASP SSRF): whoever may configure an endpoint, or owns the
name of one, must not reach what only this machine can reach.

Belongs here: judging addresses. Not here: requests (webhooks.py).
"""

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from aiohttp import DefaultResolver
from aiohttp.abc import AbstractResolver, ResolveResult

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# What Python's `is_global` does not know in every version that we run on (IANA special-purpose registries).
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "100::/64", "5f00::/16", "fec0::/10")
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_BITS = 0xFFFFFFFF


class AddressRefused(OSError):
    """Nothing may be sent there."""


class Guard:
    """What may be connected to."""

    def __init__(self, allowed: Iterable[str]) -> None:
        """`allowed`: networks (CIDR) that are allowed though they are not public."""
        self._allowed: Sequence[Network] = [ipaddress.ip_network(network) for network in allowed]

    def check(self, text: str) -> None:
        """Raises AddressRefused for an address where nothing may be sent."""
        if not self.names(text) and not _is_public(_parse(text)):
            raise AddressRefused(f"{text} is not public, and in none of webhooks.allow_networks")

    def names(self, text: str) -> bool:
        """The operator named its network. Raises AddressRefused where it is no address."""
        return any(_in(_parse(text), network) for network in self._allowed)


class GuardedResolver(AbstractResolver):
    """Gives out only what may be connected to."""

    def __init__(self, guard: Guard, resolver: AbstractResolver | None = None) -> None:
        self._guard = guard
        self._resolver = resolver or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises AddressRefused when one of the addresses may not be connected to."""
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            self._guard.check(one["host"])
        return found

    async def close(self) -> None:
        await self._resolver.close()


def _parse(text: str) -> Address:
    """An IPv6 address may carry a zone; IPv4 inside of IPv6 is taken out."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise AddressRefused(f"{text!r} is no address") from None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _NAT64_BITS)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.teredo is not None:
        return False
    return not any(_in(address, network) for network in _NOT_PUBLIC)


def _in(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
