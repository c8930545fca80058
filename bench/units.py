"""Sizes as people write them, and how figures are scaled.

Belongs here: words and factors. Not here: what is measured.
"""

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

_FACTORS = {"KIB": KIB, "MIB": MIB, "GIB": GIB}


def parse_size(text: str) -> int:
    """Bytes: "4096", "64MiB", "1GiB". Raises ValueError."""
    word = text.strip().upper()
    for suffix, factor in _FACTORS.items():
        if word.endswith(suffix):
            return int(word.removesuffix(suffix)) * factor
    return int(word)


def size_text(count: int) -> str:
    """The shortest exact way to say it."""
    for suffix, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if count and count % factor == 0:
            return f"{count // factor} {suffix}"
    return f"{count} bytes"
