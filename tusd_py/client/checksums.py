"""What a client says that bytes hash to: a chunk, or all of them.

Belongs here: hashing what is about to be sent. Not here: the algorithms (digests.py), headers.
"""

import asyncio

from protocol.checksum import Checksum
from tusd_py.digests import new_digest

from .sources import Source


async def checksum_of(algorithm: str, source: Source, start: int, stop: int) -> Checksum:
    """Of bytes [start, stop), which are read once for it and never held as a whole."""
    digest = new_digest(algorithm)
    while start < stop:
        block = await source.read(start, stop)
        await asyncio.to_thread(digest.update, block)
        start += len(block)
    return Checksum(algorithm=algorithm, digest=digest.digest())
