"""How to reach a bucket, and how much to hold. Made from settings by whoever assembles the service."""

from dataclasses import dataclass

from .profiles import GIB, MIB, Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Sizes in bytes, times in seconds."""

    bucket: str
    profile: Profile
    prefix: str = ""
    """Before every name; ours alone."""
    endpoint: str = ""
    """URL; empty is AWS."""
    region: str = ""
    access_key_id: str = ""
    """Empty takes the usual chain: environment, files, roles."""
    secret_access_key: str = ""
    part_size: int = 8 * MIB
    least_part: int = 5 * MIB
    buffer: int = 256 * MIB
    """For all bodies of this process."""
    concurrent_parts: int = 10
    """Parts sent at once by this process."""
    parts_of_one: int = 2
    """Parts of one upload that are filled, wait or are sent."""
    tail_after: float = 30.0
    """How long bytes wait for a part to become full."""
    sign_bodies: bool = False
    """Hash bodies for the signature; over TLS that is never necessary."""
    timeout: float = 30.0
    """Of silence."""
    retry_within: float = 10.0
    copy_size: int = GIB // 4
    """Bytes that one copy request takes, where it need not be more."""
