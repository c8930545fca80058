"""How large may a body be before something in between refuses it?

Belongs here: announcing large bodies. Not here: sending them.
"""

from http import HTTPStatus

from .finding import Finding, skipped, well, wrong
from .site import Site, Unreachable

CHECK = "body limit"
_MIB = 1 << 20
_SIZES = (5120 * _MIB, 1024 * _MIB, 100 * _MIB, 10 * _MIB, _MIB)
_WAIT = 1.5
"""Seconds; whoever minds the length says so as soon as it has read the head."""


async def look_for_limit(site: Site, largest: int | None) -> Finding:
    """`largest` is what the server itself takes, in bytes."""
    sizes = [size for size in _SIZES if largest is None or size <= largest] or [largest or _MIB]
    refused = 0
    for size in sizes:
        try:
            passes = await _passes(site, size)
        except Unreachable as failed:
            return wrong(CHECK, str(failed), "let the proxy pass PATCH with bodies of any length")
        if passes and not refused:
            return well(CHECK, f"a body of {size // _MIB} MiB may begin")
        if passes:
            return _limited(
                f"a body of {refused // _MIB} MiB is refused with 413, one of {size // _MIB} MiB not"
            )
        if passes is False:
            refused = size
    if refused:
        return _limited(f"a body of {refused // _MIB} MiB is refused with 413")
    return skipped(CHECK, "the server takes no new upload now")


def _limited(what: str) -> Finding:
    return wrong(
        CHECK,
        f"{what}, though the server takes it",
        "nginx: client_max_body_size 0; (deploy/nginx.conf). Where a limit cannot be lifted (some CDNs), let "
        "clients send smaller chunks",
    )


async def _passes(site: Site, size: int) -> bool | None:
    """None where the server itself does not want such an upload: too full, or more than somebody's quota."""
    created = await site.create(size)
    if created.location is None:
        return None
    url = site.way_to(created.location)
    try:
        answer = await site.send_and_cut(url, announced=size, sent=64 << 10, wait=_WAIT)
        return answer is None or answer.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    finally:
        await site.delete(url)
