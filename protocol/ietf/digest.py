"""Content-Digest and Repr-Digest: what the body of one request hashes to, and the whole (RFC 9530, 2 and 3).

Belongs here: the fields. Not here: hashing (uploads/proof.py).
"""

from protocol.checksum import DIGEST_SIZES, Checksum
from protocol.errors import BadHeader
from protocol.headers import Headers
from protocol.structured import byte_sequences

# RFC 9530, 6.5 has the others only for what is not under attack.
_ALGORITHMS = {"sha-512": "sha512", "sha-256": "sha256"}


def parse_content_digest(headers: Headers) -> tuple[Checksum, ...]:
    """Those in algorithms that we know: "A recipient MAY ignore any or all digests".

    Raises BadHeader for a digest that is none of its algorithm.
    """
    return _digests(headers, "Content-Digest")


def parse_repr_digest(headers: Headers, *, is_whole: bool) -> tuple[Checksum, ...]:
    """The same of the whole upload; none where the body is not all of it, which nobody will have hashed."""
    digests = _digests(headers, "Repr-Digest")
    return digests if is_whole else ()


def _digests(headers: Headers, field: str) -> tuple[Checksum, ...]:
    said = byte_sequences(headers.every(field))
    return tuple(_checksum(field, name, said[name]) for name in _ALGORITHMS if name in said)


def _checksum(field: str, name: str, digest: bytes) -> Checksum:
    algorithm = _ALGORITHMS[name]
    size = DIGEST_SIZES[algorithm]
    if len(digest) != size:
        raise BadHeader(f"{field} has {len(digest)} bytes for {name}, wanted {size}")
    return Checksum(algorithm=algorithm, digest=digest)
