"""Forgets share links that open nothing any more, and keys under which nothing counts any more."""

from tusd_py.log import get_logger
from tusd_py.metadata.links import LinkRows
from tusd_py.metadata.signing_keys import SigningKeyRows

log = get_logger("tusd_py.work")

BATCH = 500


async def forget_closed(
    links: LinkRows, keys: SigningKeyRows, *, links_after: int, keys_after: int
) -> tuple[int, int]:
    """How many links and keys were forgotten; microseconds after they closed."""
    forgotten = await links.purge(age=links_after, at_once=BATCH)
    keys_forgotten = await keys.forget(keys_after)
    if forgotten or keys_forgotten:
        log.info("links.forgotten", links=forgotten, keys=keys_forgotten)
    return forgotten, keys_forgotten
