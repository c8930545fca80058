"""What may be uploaded: types, names, and how long uploads of a type or a user may be.

Belongs here: the rules on what a client says of its upload, and on what its content looks like. Not here: how
much somebody may store in all (quotas.py), who may upload (authorize.py).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from protocol.errors import FilenameRefused, MaxSizeExceeded, TypeRefused

ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The settings. Types are lower-case "image/png", or "image/*"; empty lists say nothing."""

    types_allowed: Sequence[str] = ()
    types_denied: Sequence[str] = ()
    type_sizes: Mapping[str, int] = field(default_factory=dict)
    extensions_allowed: frozenset[str] = frozenset()
    """Lower-case, without the dot."""
    extensions_denied: frozenset[str] = frozenset()
    filename_length: int = 0
    """Characters; 0 is no limit."""
    filename_pattern: re.Pattern[str] | None = None
    max_size_of: Callable[[str, str], int | None] = lambda _tenant, _owner: None
    """By tenant and owner, in bytes; 0 and None are no limit."""

    def check(self, *, filename: str | None, filetype: str | None) -> None:
        """What a file is said to be. Raises TypeRefused, FilenameRefused."""
        self._check_type(essence(filetype), "filetype")
        self.check_name(filename)

    def check_name(self, filename: str | None) -> None:
        """What it is called; None is no name. Raises FilenameRefused."""
        name = filename or ""
        extension = name.rpartition(".")[2].lower() if "." in name else ""
        if self.extensions_allowed and extension not in self.extensions_allowed:
            wanted = ", ".join(sorted(self.extensions_allowed))
            raise FilenameRefused(f"the file name ends in {extension!r}, wanted one of {wanted}")
        # Of "a.php.jpg" some servers run the first one.
        if refused := self.extensions_denied & set(name.lower().split(".")[1:]):
            raise FilenameRefused(
                f"the file name has the extension {min(refused)!r}, which is not allowed here"
            )
        if self.filename_length and len(name) > self.filename_length:
            raise FilenameRefused(
                f"the file name has {len(name)} characters, wanted at most {self.filename_length}"
            )
        if self.filename_pattern is not None and self.filename_pattern.fullmatch(name) is None:
            raise FilenameRefused(f"the file name does not match {self.filename_pattern.pattern!r}")

    def check_content(self, sniffed: str | None) -> None:
        """What it looks like; None is an empty file, which is of no type. Raises TypeRefused."""
        if sniffed is not None:
            self._check_type(essence(sniffed), "the content")

    def check_length(self, length: int, *, tenant: str, owner: str, filetype: str | None) -> None:
        """How long an upload is or will be, in bytes. Raises MaxSizeExceeded."""
        most = self.most(tenant, owner, filetype)
        if most is not None and length > most:
            raise MaxSizeExceeded(f"maximum size exceeded: {length} bytes, wanted at most {most}", most=most)

    def most(self, tenant: str, owner: str, filetype: str | None) -> int | None:
        """How long an upload may be, in bytes; None where nothing is said of it."""
        of_type = _first(self.type_sizes, essence(filetype)) if self.type_sizes else None
        limits = [of_type, self.max_size_of(tenant, owner)]
        return min((limit for limit in limits if limit), default=None)

    def _check_type(self, found: str, what: str) -> None:
        if _first(dict.fromkeys(self.types_denied, 1), found) is not None:
            raise TypeRefused(f"{what} is {found or 'of no type'}, which is not allowed here")
        if self.types_allowed and _first(dict.fromkeys(self.types_allowed, 1), found) is None:
            wanted = ", ".join(self.types_allowed)
            raise TypeRefused(f"{what} is {found or 'of no type'}, wanted one of {wanted}")


def essence(media_type: str | None) -> str:
    """Without parameters, in lower case; "" for none."""
    return (media_type or "").partition(";")[0].strip().lower()


def _first(known: Mapping[str, int], found: str) -> int | None:
    """The value of the type itself, of its family, or of all."""
    kind, slash, _ = found.partition("/")
    family = f"{kind}/{ANY}" if slash else found
    for pattern in (found, family, f"{ANY}/{ANY}"):
        if pattern in known:
            return known[pattern]
    return None
