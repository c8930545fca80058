"""What this server offers to tus clients."""

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

    @property
    def extensions(self) -> tuple[str, ...]:
        """For Tus-Extension: only what is really on."""
        optional = (
            ("expiration", self.expiration),
            ("termination", self.termination),
            ("checksum", bool(self.checksums)),
            ("concatenation", self.concatenation),
            ("concatenation-unfinished", self.concatenation),
        )
        return (
            "creation",
            "creation-with-upload",
            "creation-defer-length",
            *(name for name, on in optional if on),
        )
