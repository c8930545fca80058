"""What this server offers to clients of any dialect.

Belongs here: settings that clients can see. Not here: what a dialect calls them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Settings that clients can see."""

    max_size: int
    """Largest upload in bytes; 0 is no limit (Tus-Max-Size)."""
    metadata_limit: int
    """Longest Upload-Metadata header in bytes."""
    termination: bool
    """Clients may delete uploads."""
    expiration: bool
    """Unfinished uploads go after a while."""
    concatenation: bool = False
    """Uploads may be made of others, also of unfinished ones."""
    checksums: tuple[str, ...] = ()
    """Algorithms for Upload-Checksum, most welcome first; none switches the extension off."""
