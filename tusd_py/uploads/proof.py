"""Whether a body is what its client said it is (tus 1.0.0, Checksum).

Belongs here: hashing beside the writing, and the answer. Not here: algorithms (digests.py), what follows
from a mismatch (receive.py).
"""

import asyncio

from protocol.checksum import Checksum
from protocol.errors import ChecksumMismatch
from storage_backends.base import Block
from tusd_py.digests import matches, new_digest


class Proof:
    """The hash of one body, as it comes."""

    def __init__(self, wanted: Checksum) -> None:
        self._wanted = wanted
        self._digest = new_digest(wanted.algorithm)

    async def add(self, block: bytes) -> None:
        """In a thread: it takes as long as writing does, and lets go of the interpreter lock."""
        await asyncio.to_thread(self.update, block)

    def update(self, block: Block) -> None:
        """The same, in the calling thread; one at a time."""
        self._digest.update(block)

    def holds(self) -> bool:
        """To be asked when the body is complete."""
        return matches(self._digest, self._wanted.digest)


def proof_of(checksum: Checksum | None) -> Proof | None:
    """None where the client made no promise."""
    return None if checksum is None else Proof(checksum)


def check_whole(content: bytes, checksum: Checksum | None) -> None:
    """The same for a body that is all here, and small. Raises ChecksumMismatch."""
    if checksum is None:
        return
    digest = new_digest(checksum.algorithm)
    digest.update(content)
    if not matches(digest, checksum.digest):
        raise ChecksumMismatch
