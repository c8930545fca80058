"""What S3 is to each of those who offer it.

Belongs here: a table of what differs. Not here: what is done about it.
"""

from dataclasses import dataclass
from enum import StrEnum

MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40


class Digest(StrEnum):
    """How the bytes of a request are proven to the store."""

    CRC32C = "crc32c"
    CRC32 = "crc32"
    CRC64NVME = "crc64nvme"
    MD5 = "md5"
    SHA256 = "sha256"
    """Of parts that clients send (direct.py); ours never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One provider. Sizes in bytes."""

    name: str
    path_style: bool = True
    """The bucket is in the path, not in the host name."""
    digest: Digest = Digest.MD5
    equal_parts: bool = False
    """All parts but the last must have one size."""
    copies_parts: bool = True
    """UploadPartCopy is there."""
    sha256_parts: bool = False
    """Parts are compared with their SHA-256, where their upload was begun so."""
    conditional_put: bool = False
    """`If-None-Match: *` is obeyed."""
    region: str = "us-east-1"
    """Where none is configured."""
    least_part: int = 5 * MIB
    """Of every part but the last."""
    most_part: int = 5 * GIB
    most_parts: int = 10_000
    most_object: int = 5 * TIB


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(name="aws", path_style=False, digest=Digest.CRC32C, sha256_parts=True, conditional_put=True),
        Profile(name="seaweedfs", digest=Digest.CRC32C, sha256_parts=True, conditional_put=True),
        Profile(name="minio", digest=Digest.CRC32C, sha256_parts=True, conditional_put=True),
        Profile(name="ceph"),
        Profile(name="r2", equal_parts=True, conditional_put=True, region="auto"),
        Profile(name="b2"),
        Profile(name="gcs", copies_parts=False, region="auto"),
    )
}
"""Tested here: seaweedfs. The others were never run."""
