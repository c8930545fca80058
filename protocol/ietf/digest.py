"""Content-Digest: what the body of one request hashes to (RFC 9530, 2)."""

from protocol.checksum import DIGEST_SIZES, Checksum
from protocol.errors import BadHeader
from protocol.headers import Headers
from protocol.structured import byte_sequences

# The strongest first. RFC 9530, 6.5 has the others only for what is not under attack.
_ALGORITHMS = {"sha-512": "sha512", "sha-256": "sha256"}


def parse_content_digest(headers: Headers) -> Checksum | None:
    """None where none was sent in an algorithm that we know: "A recipient MAY ignore any or all digests".

    Raises BadHeader for a digest that is none of its algorithm.
    """
    digests = byte_sequences(headers.every("Content-Digest"))
    for name, algorithm in _ALGORITHMS.items():
        if name in digests:
            size, digest = DIGEST_SIZES[algorithm], digests[name]
            if len(digest) != size:
                raise BadHeader(f"Content-Digest has {len(digest)} bytes for {name}, wanted {size}")
            return Checksum(algorithm=algorithm, digest=digest)
    return None
