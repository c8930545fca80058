"""Upload-Checksum, as the sender of bytes makes it (tus 1.0.0, Checksum).

Belongs here: hashing what is about to be sent. Not here: the algorithms (digests.py).
"""

import asyncio
from base64 import b64encode

from tusd_py.digests import new_digest

from .sources import Source


async def checksum_of(algorithm: str, source: Source, start: int, stop: int) -> str:
    """The header for bytes [start, stop), which are read once for it and never held as a whole."""
    digest = new_digest(algorithm)
    while start < stop:
        block = await source.read(start, stop)
        await asyncio.to_thread(digest.update, block)
        start += len(block)
    return f"{algorithm} {b64encode(digest.digest()).decode('ascii')}"
