"""How uploads are sent.

Belongs here: what a caller may choose, and which choices make no sense. Not here: what is done with them.
"""

from dataclasses import dataclass, field
from typing import Literal

from protocol.checksum import DIGEST_SIZES

from .errors import BadOptions

MIB = 1 << 20
IETF_CHECKSUMS = ("sha256", "sha512")
"""Those of RFC 9530 that are no checks against accidents alone, by the names that tus has for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How long a failing upload is tried again. Counted anew whenever the offset moved. Times are seconds."""

    times: int | None = 10
    """Attempts after the first that bring nothing; None is no limit."""
    within: float | None = None
    """Time without any progress; None is no limit."""
    first_wait: float = 0.5
    """Doubled with every attempt, and shortened by chance to no less than half."""
    longest_wait: float = 30.0
    longest_retry_after: float = 300.0
    """A server that asks for more (Retry-After) is asked earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Raises BadOptions. Sizes are bytes, times seconds."""

    chunk_size: int = 0
    """Most that one PATCH carries; 0 is all that is left: the best, unless a proxy limits bodies."""
    checksum: str | None = None
    """An algorithm of Upload-Checksum, sent with every PATCH; in the IETF's draft as Content-Digest."""
    protocol: Literal["tus", "ietf"] = "tus"
    """tus 1.0.0, or the IETF's draft of resumable uploads; an upload goes on in the one it was begun in."""
    digest: bool | None = None
    """Say beforehand what all of it hashes to (Repr-Digest, SHA-256), so that a server that knows it keeps
    nothing else. A file is read twice for it. None does so in the IETF's draft, where reading is cheap."""
    parallel: int = 1
    """How many parts of a file are sent side by side, and put together by the server at the end."""
    checked_chunk_size: int = 8 * MIB
    """The chunk with a checksum, where `chunk_size` is 0: what a mismatch costs to send again."""
    held: int = 16 * MIB
    """The chunk of a stream, where `chunk_size` is 0: it is held in memory until the server has it."""
    with_creation: int = MIB
    """Files up to this size go with the request that creates them, where the server takes that."""
    timeout: float = 60.0
    """Give up a connection on which nothing moved for so long."""
    retries: Retries = field(default_factory=Retries)

    def __post_init__(self) -> None:
        if self.chunk_size < 0 or self.checked_chunk_size < 1 or self.held < 1:
            raise BadOptions("a chunk size is negative or nothing")
        if self.parallel < 1:
            raise BadOptions(f"parallel is {self.parallel}, wanted at least 1")
        if self.checksum is not None and self.checksum not in DIGEST_SIZES:
            raise BadOptions(f"checksum is {self.checksum!r}, wanted one of {', '.join(DIGEST_SIZES)}")
        if self.protocol not in ("tus", "ietf"):
            raise BadOptions(f"protocol is {self.protocol!r}, wanted tus or ietf")
        if self.protocol == "ietf":
            self._check_ietf()
        if self.timeout <= 0:
            raise BadOptions(f"timeout is {self.timeout}, wanted more than 0")

    def _check_ietf(self) -> None:
        if self.parallel > 1:
            raise BadOptions(f"parallel is {self.parallel}, but parts side by side are a matter of tus")
        if self.checksum not in (None, *IETF_CHECKSUMS):
            wanted = " or ".join(IETF_CHECKSUMS)
            raise BadOptions(f"checksum is {self.checksum!r}, wanted {wanted} in the IETF's draft")

    @property
    def step(self) -> int:
        """Most bytes of a file that one PATCH carries; 0 is no limit."""
        if self.checksum is not None and self.chunk_size == 0:
            return self.checked_chunk_size
        return self.chunk_size
