"""Content-Digest and Repr-Digest: what the body of one request hashes to, and the whole (RFC 9530, 2 and 3).

Belongs here: the fields, and comparing what two of them say. Not here: hashing (uploads/proof.py).
"""

from base64 import b64encode
from collections.abc import Sequence

from .checksum import DIGEST_SIZES, Checksum
from .errors import BadHeader
from .headers import Headers
from .structured import byte_sequences

# RFC 9530, 6.5 has the others only for what is not under attack.
_ALGORITHMS = {"sha-512": "sha512", "sha-256": "sha256"}
_NAMES = {algorithm: name for name, algorithm in _ALGORITHMS.items()}

_CONTENT, _REPR = "Content-Digest", "Repr-Digest"


def parse_content_digest(headers: Headers) -> tuple[Checksum, ...]:
    """Those in algorithms that we know: "A recipient MAY ignore any or all digests".

    Raises BadHeader for a digest that is none of its algorithm.
    """
    return _digests(_CONTENT, headers.every(_CONTENT))


def parse_repr_digest(headers: Headers) -> tuple[Checksum, ...]:
    """The same of the whole upload, whichever request says it."""
    return _digests(_REPR, headers.every(_REPR))


def format_repr_digest(whole: Sequence[Checksum]) -> str | None:
    """As a field says it, to be kept with the upload; None where there is nothing to say."""
    said = [f"{_NAMES[one.algorithm]}=:{b64encode(one.digest).decode('ascii')}:" for one in whole]
    return ", ".join(said) or None


def kept_repr_digest(kept: str | None) -> tuple[Checksum, ...]:
    """What `format_repr_digest` made a text of."""
    return () if kept is None else _digests(_REPR, [kept])


def check_same(said: Sequence[Checksum], kept: str | None) -> None:
    """Raises BadHeader where a later request says of the whole what it cannot be beside what is `kept`.

    An algorithm that only one of them has says nothing about the other.
    """
    agreed = {one.algorithm: one.digest for one in kept_repr_digest(kept)}
    for one in said:
        if agreed.get(one.algorithm, one.digest) != one.digest:
            raise BadHeader(
                f"{_REPR} has another {_NAMES[one.algorithm]} than at the creation of the upload,"
                f" wanted {kept} or none"
            )


def _digests(field: str, values: Sequence[str]) -> tuple[Checksum, ...]:
    if not values:
        return ()
    said = byte_sequences(values)
    return tuple(_checksum(field, name, said[name]) for name in _ALGORITHMS if name in said)


def _checksum(field: str, name: str, digest: bytes) -> Checksum:
    algorithm = _ALGORITHMS[name]
    size = DIGEST_SIZES[algorithm]
    if len(digest) != size:
        raise BadHeader(f"{field} has {len(digest)} bytes for {name}, wanted {size}")
    return Checksum(algorithm=algorithm, digest=digest)
