"""What a file is found by: the words of its name, path, tags and metadata.

Both databases are given the same words, cut here, so that both find the same: as text, one space between two.
Beside the words of people there are marks, which begin with a sign that no word has: whose the file is, and
each of its tags. They let the index itself leave out what is somebody else's.

Belongs here: cutting texts and questions into words. Not here: the index (search.py).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from protocol.errors import InvalidMetadata
from protocol.metadata import parse_metadata

MOST_WORDS = 200
"""Words of one file that are indexed, marks not counted."""
LONGEST_WORD = 40
"""Characters of a word that are indexed; what is behind them makes no difference."""
MOST_ASKED = 16
"""Words of one question."""
_SHORTEST_PREFIX = 2
"""Words of fewer letters are looked for as they are, not as beginnings: every file has some."""

_SIGN = "\N{MIDDLE DOT}"
_MARK_DIGITS = 16
_LONGEST_VALUE = 1024
"""Bytes of one value of the metadata that are looked at; longer ones are no words of people."""

# Scripts without spaces: each character is a word, so that any run of them is found inside of another.
_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_WORD = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+")

# What most names consist of has a quicker way: this is done for every upload.
_ASCII = str.maketrans({code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing that must be among the words of a file."""

    word: str
    is_prefix: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is known of a file that people may look for."""

    tenant: str
    owner: str
    filename: str | None
    path: str | None
    tags: Sequence[str]
    metadata: str
    """The raw Upload-Metadata header of its current version."""


class TooManyWords(ValueError):
    """The question is longer than anybody asks."""


def words_of(file: Described) -> str:
    """For the index: every mark and word once."""
    marks = [tenant_mark(file.tenant), owner_mark(file.tenant, file.owner), *map(tag_mark, file.tags)]
    texts = dict.fromkeys((file.filename, file.path, *file.tags, *_values(file.metadata)))
    found = dict.fromkeys(word for text in texts if text for word in _cut(text))
    return " ".join([*dict.fromkeys(marks), *list(found)[:MOST_WORDS]])


def asked(text: str) -> list[Asked]:
    """The words of a question: each must begin a word of the file, or be one if it has a single letter.

    [] when there is no letter and no digit in it. Raises TooManyWords.
    """
    found = list(dict.fromkeys(_cut(text)))
    if len(found) > MOST_ASKED:
        raise TooManyWords(f"{len(found)} words, wanted at most {MOST_ASKED}")
    return [Asked(word=word, is_prefix=len(word) >= _SHORTEST_PREFIX) for word in found]


@lru_cache(maxsize=1024)
def tenant_mark(tenant: str) -> str:
    """On every file of a tenant."""
    return _mark("t", tenant)


@lru_cache(maxsize=1024)
def owner_mark(tenant: str, owner: str) -> str:
    """On every file of an owner."""
    return _mark("o", f"{len(tenant)}:{tenant}{owner}")


def tag_mark(tag: str) -> str:
    """On every file with exactly this tag."""
    return _mark("g", tag)


def _mark(kind: str, of: str) -> str:
    # A digest, because the index may know neither spaces nor case.
    return _SIGN + kind + sha256(of.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_DIGITS]


def _cut(text: str) -> Iterator[str]:
    found = text.translate(_ASCII).split() if text.isascii() else _WORD.findall(_folded(text))
    return (word[:LONGEST_WORD] for word in found)


def _folded(text: str) -> str:
    """Without case and without accents, which people leave out."""
    parts = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in parts if not unicodedata.category(character).startswith("M"))


def _values(raw: str) -> Iterable[str]:
    """What the client said about its upload, where it is text."""
    if not raw:
        return ()
    try:
        values = parse_metadata(raw, limit=len(raw)).values.values()
    except InvalidMetadata:
        # Kept by a version that had other rules.
        return ()
    return (text for value in values if len(value) <= _LONGEST_VALUE and (text := _text(value)))


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""
