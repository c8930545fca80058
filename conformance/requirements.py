"""The numbered requirements that a whole suite would cover, and which of them cannot be seen from outside.

Belongs here: ids. Not here: what they mean; the checks say that.
"""

from collections.abc import Iterable

_COUNTS = (
    ("CORE-VER", 4),
    ("CORE-OFF", 4),
    ("CORE-LEN", 1),
    ("CORE-EXT", 1),
    ("CORE-MAX", 1),
    ("CORE-XHMO", 1),
    ("CORE-HEAD", 5),
    ("CORE-PATCH", 12),
    ("CORE-OPT", 2),
    ("CORE-METH", 1),
    ("CORE-AUTH", 1),
    ("CRE", 7),
    ("META", 10),
    ("DEFER", 9),
    ("CWU", 7),
    ("EXP", 6),
    ("SUM", 7),
    ("TRL", 3),
    ("TERM", 4),
    ("CAT", 15),
    ("CORS", 4),
    ("WIRE", 1),
    ("RUFH-VER", 2),
    ("RUFH-SF", 3),
    ("RUFH-CRE", 11),
    ("RUFH-HEAD", 4),
    ("RUFH-PAT", 6),
    ("RUFH-DEL", 1),
    ("RUFH-CONC", 1),
    ("RUFH-OPT", 1),
    ("RUFH-LIM", 1),
    ("RUFH-SEC", 1),
    ("RUFH-DIG", 1),
)

REQUIREMENTS = tuple(f"{family}-{number}" for family, count in _COUNTS for number in range(1, count + 1))

UNSEEN = {
    "EXP-6": "whether partial uploads wait for their final one shows only after hours",
    "CAT-11": "whether hooks run for partial uploads shows only inside the server",
    "RUFH-CRE-11": "a server ends an upload early for reasons of its own, which no client can give it",
}
"""No client can find out; the reason."""


def covered(ids: Iterable[str]) -> list[str]:
    """Those requirements that are among `ids`, in order."""
    known = set(ids)
    return [requirement for requirement in REQUIREMENTS if requirement in known]
