"""As what uploaded bytes are served.

Belongs here: which declared types are believed. Not here: the syntax of types (media_types.py).
"""

BYTES = "application/octet-stream"

_INERT_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp", "audio/", "video/", "application/pdf")


def served_type(declared: str | None) -> str:
    """The declared type only where no browser runs it; everything else is bytes."""
    essence = (declared or "").partition(";")[0].strip().lower()
    return (
        essence if essence.startswith(_INERT_TYPES) and essence.isascii() and essence.isprintable() else BYTES
    )
