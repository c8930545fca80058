"""As what uploaded bytes are served.

Belongs here: which declared types are believed. Not here: the syntax of types (media_types.py).
"""

BYTES = "application/octet-stream"

_INERT_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp", "audio/", "video/", "application/pdf")


def served_type(declared: str | None, sniffed: str | None = None) -> str:
    """The type only where no browser runs it; everything else is bytes.

    What the content looks like counts where it is known. A declared type of the same family is kept, as it
    may be more exact.
    """
    said, seen = _essence(declared), _essence(sniffed)
    if seen and seen.partition("/")[0] != said.partition("/")[0]:
        said = seen
    return said if said.startswith(_INERT_TYPES) and said.isascii() and said.isprintable() else BYTES


def _essence(media_type: str | None) -> str:
    return (media_type or "").partition(";")[0].strip().lower()
