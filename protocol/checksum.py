"""What the bytes of one request must hash to, whatever header says so.

Belongs here: the value. Not here: headers (tus/checksum.py, digest_fields.py), hashing (it costs as much as
receiving, so it belongs beside the writing).
"""

from dataclasses import dataclass

DIGEST_SIZES = {"sha1": 20, "sha256": 32, "sha512": 64, "md5": 16, "crc32": 4, "crc32c": 4}
"""Algorithms by the names that Tus-Checksum-Algorithm has for them, and their digests' bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """What a client says of some bytes: of this request's body, after transfer decoding, or of all."""

    algorithm: str
    digest: bytes
