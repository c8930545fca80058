"""What bytes look like, whatever their sender says: the media type by their first kilobyte.

libmagic knows it, the library behind file(1), through python-magic. It is loaded only where it is wanted.

Belongs here: asking it. Not here: what follows from the answer (access/admission.py), when it is asked
(uploads/contents.py, scanning/).
"""

from collections.abc import Callable

LONGEST = 1024
"""Bytes that are looked at."""

Sniff = Callable[[bytes], str | None]
"""The media type of what begins so, None for nothing at all; blocks for up to a millisecond or so."""

HINT = "pip install 'tusd-py[sniff]', and libmagic itself: apt-get install libmagic1"


def make_sniff() -> Sniff:
    """Raises ImportError where python-magic or libmagic are missing."""
    import magic  # noqa: PLC0415 - only when wanted, and it loads a library of C

    asked = magic.Magic(mime=True)

    def sniff(head: bytes) -> str | None:
        if not head:
            return None
        try:
            found: str = asked.from_buffer(head[:LONGEST])
        except magic.MagicException:
            return "application/octet-stream"
        return found

    return sniff
