"""Whether a body, or an upload, is what its client said it is (tus 1.0.0, Checksum; RFC 9530).

Belongs here: hashing, beside the writing or of what is stored, and the answer. Not here: algorithms
(digests.py), what follows from a mismatch (receive.py, body.py, finish.py).
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from protocol.checksum import Checksum
from protocol.digest_fields import kept_repr_digest
from protocol.errors import ChecksumMismatch, DigestMismatch
from storage_backends.base import Block, StorageBackend, Stored
from tusd_py.digests import matches, new_digest


class Proof:
    """The hashes of one body, as it comes."""

    def __init__(self, body: Sequence[Checksum], whole: Sequence[Checksum]) -> None:
        """`whole` is what the upload must hash to; the body is all of it, or may turn out to be."""
        self._body = body
        self._whole = whole
        self._digests = {one.algorithm: new_digest(one.algorithm) for one in (*body, *whole)}

    @property
    def binds(self) -> bool:
        """Nothing of the body counts before all of it is proven."""
        return bool(self._body)

    @property
    def judges_whole(self) -> bool:
        """There is something to be asked of the whole."""
        return bool(self._whole)

    async def add(self, block: bytes) -> None:
        """In a thread: it takes as long as writing does, and lets go of the interpreter lock."""
        await asyncio.to_thread(self.update, block)

    def update(self, block: Block) -> None:
        """The same, in the calling thread; one at a time."""
        for digest in self._digests.values():
            digest.update(block)

    def body_holds(self) -> bool:
        """To be asked when the body is complete."""
        return self._hold(self._body)

    def whole_holds(self) -> bool:
        """To be asked when the upload is."""
        return self._hold(self._whole)

    def _hold(self, wanted: Sequence[Checksum]) -> bool:
        return all(matches(self._digests[one.algorithm], one.digest) for one in wanted)


def proof_of(body: Sequence[Checksum], whole: Sequence[Checksum]) -> Proof | None:
    """None where the client made no promise."""
    return Proof(body, whole) if body or whole else None


def check_whole(content: bytes, body: Sequence[Checksum], whole: Sequence[Checksum]) -> None:
    """The same for a body that is all here, and small. Raises ChecksumMismatch, DigestMismatch."""
    proof = proof_of(body, whole)
    if proof is None:
        return
    proof.update(content)
    if not proof.body_holds():
        raise ChecksumMismatch
    if not proof.whole_holds():
        raise DigestMismatch


async def check_stored(backend: StorageBackend, stored: Stored, repr_digest: str) -> None:
    """The same of a sealed object, read once, block by block. Raises DigestMismatch, StorageError."""
    proof = Proof((), kept_repr_digest(repr_digest))
    async with aclosing(backend.read(stored.ref, 0, stored.length, identity=stored.identity)) as blocks:
        async for block in blocks:
            await proof.add(block)
    if not proof.whole_holds():
        raise DigestMismatch
