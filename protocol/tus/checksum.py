"""Upload-Checksum: what the bytes of one request must hash to (tus 1.0.0, Checksum).

Belongs here: the header. Not here: hashing (uploads/proof.py).
"""

from base64 import b64decode, b64encode

from protocol.checksum import DIGEST_SIZES, Checksum
from protocol.errors import BadHeader, UnsupportedAlgorithm
from protocol.features import Features
from protocol.headers import Headers
from protocol.integers import shown


def parse_checksum(headers: Headers, features: Features) -> tuple[Checksum, ...]:
    """The one; none when the header was not sent, or when this server does not offer checksums.

    Raises UnsupportedAlgorithm; BadHeader for a digest that is not one of that algorithm.
    """
    text = headers.one("Upload-Checksum")
    if text is None or not features.checksums:
        return ()
    algorithm, _, encoded = text.partition(" ")
    # Names are in lower case (tus 1.0.0, Tus-Checksum-Algorithm), and compare exactly.
    if algorithm not in features.checksums:
        raise UnsupportedAlgorithm(
            f"Upload-Checksum names {shown(algorithm)}, wanted one of {','.join(features.checksums)}"
        )
    return (Checksum(algorithm=algorithm, digest=_digest(algorithm, encoded)),)


def _digest(algorithm: str, encoded: str) -> bytes:
    try:
        digest = b64decode(encoded, validate=True)
    except ValueError:
        digest = b""
    size = DIGEST_SIZES[algorithm]
    if len(digest) != size or b64encode(digest).decode("ascii") != encoded:
        raise BadHeader(
            f"Upload-Checksum has the digest {shown(encoded)}, wanted {size} bytes in padded standard base64"
        )
    return digest
