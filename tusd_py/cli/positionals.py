"""What a command is given beside options, wherever it stands among them.

argparse takes it in one stretch only: of `quarantine release --config x FILE` it leaves the FILE over.
Belongs here: joining it. Not here: which options there are (parser.py), what is strange (usage.py).
"""

import argparse
from collections.abc import Mapping, Sequence

LISTS: Mapping[str, str] = {
    "ls": "files",
    "show": "files",
    "rm": "files",
    "quarantine": "files",
    "rescan": "files",
    "key": "keys",
    "webhooks": "deliveries",
    "links": "names",
    "upload": "files",
}
"""Commands that take any number of something, and where it is kept."""


def joined(options: argparse.Namespace, leftover: Sequence[str]) -> list[str]:
    """What is left once the arguments behind an option have joined the others of their command."""
    end = leftover.index("--") if "--" in leftover else len(leftover)
    is_strange = any(text.startswith("-") and text != "-" for text in leftover[:end])
    if options.command not in LISTS or is_strange:
        return list(leftover)
    more = [*leftover[:end], *leftover[end + 1 :]]
    setattr(options, LISTS[options.command], [*getattr(options, LISTS[options.command]), *more])
    return []
