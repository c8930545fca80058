"""What a stranger may send: values that parsers have fallen for, their mutations, and rude requests.

Belongs here: requests, none of which may change an upload. Not here: judging the answers (hostile.py).
"""

import gzip
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from tests.harness.ledger import Tracked
from tests.harness.tus import BYTES, RESUMABLE

Header = tuple[str, str]

NUMBERS = (
    "",
    " ",
    "-1",
    "+5",
    "-0",
    "5.0",
    "0x5",
    "1e3",
    "1_000",
    "5 5",
    "5,5",
    "\xd9\xa5",
    "\xc2\xb2",
    "NaN",
    "inf",
    "null",
    "true",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "9" * 5000,
    "00000000000000000000007",
    "\t7",
    "7\x0b",
    "7;x=1",
    "'7'",
    '"7"',
    "7\x7f",
    "%37",
    "${7}",
    "{{7}}",
)
METADATA = (
    "filename !!!",
    "k YQ",
    "k YQ==x",
    "k Y Q==",
    "k -_-_",
    "a YQ==,a Yg==",
    "a YQ==,",
    ",",
    " ",
    "=",
    "k\xe9 YQ==",
    "k" * 5000 + " YQ==",
    "k " + "A" * 8000,
    ",".join(f"k{number} YQ==" for number in range(2000)),
    "\x01 YQ==",
    "filename Li4vLi4vZXRjL3Bhc3N3ZA==",
    "filename AA==",
    "filename DQpTZXQtQ29va2llOiBhPWI=",
)
CONCATS = (
    "final",
    "final;",
    "Partial",
    "partial;x",
    "foo",
    "final;http://elsewhere.example/files/x",
    "final;../../etc/passwd",
    "final;/files/" + "0" * 32,
    "final;/files/..%2f..%2fetc",
    "final; ; ;",
    "final;" + "/files/x " * 2000,
    "final;file:///etc/passwd",
    "final;//files/x",
    "final;/files/\\..\\x",
    "final;" + "%00" * 20,
)
CHECKSUMS = (
    "sha1",
    "sha1 ???",
    "SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "md4 YQ==",
    "sha1 YQ==",
    "sha256 " + "A" * 4000,
    " ",
    "sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "sha1 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed",
    "shake_128 YQ==",
    "\xe9 YQ==",
)
IDS = (
    "",
    ".",
    "..",
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e",
    "%00",
    "x%00y",
    "%c0%ae%c0%ae/",
    "\\..\\",
    "/etc/passwd",
    "0" * 31,
    "0" * 33,
    "G" * 32,
    "A" * 32,
    "0" * 32 + "%0a",
    "0" * 32 + ".info",
    "0" * 32 + "/",
    "~root",
    ".tusd/tusd.db",
    "%2etusd%2ftusd.db",
    "*",
    "%25",
    "%",
    "con",
    "a" * 4000,
    "\xe9" * 10,
    "?x=1",
    ";x",
    "0" * 32 + "%20",
)
VERSIONS = ("", "1.0", "0.2.2", "1.0.1", "99.99.99", "1.0.0,0.2.2", "1.0.0 1", "v1.0.0", "\xff", "1" * 5000)
MUTATIONS = "0123456789abcdefXYZ+-_.,;:=/\\%\"'{}[]()<>!?*&^$#@~|` \t\x01\x1f\x7f\x80\xff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One request. `body` is sent as it is."""

    method: str
    target: str
    headers: tuple[Header, ...]
    body: bytes = b""


Kind = Callable[[Sequence[Tracked], Sequence[str]], Iterator[Attack]]


def attacks(dice: random.Random, victims: Sequence[Tracked], extensions: frozenset[str]) -> Iterator[Attack]:
    """Without end: every listed value and every fixed request first, then mutations of the values.

    `extensions` are those that the server offers.
    """
    # Where checksums are not offered, the header means nothing, and the body is accepted.
    kinds = [pair for pair in KINDS if pair[1] is not _checksums or "checksum" in extensions]
    first = [attack for values, kind in kinds for attack in kind(victims, values)]
    first += [attack for fixed in FIXED for attack in fixed(victims[0])]
    dice.shuffle(first)
    yield from first
    while True:
        values, kind = dice.choice(kinds)
        yield from kind(victims, [_mutant(dice, dice.choice(values))])


def _mutant(dice: random.Random, value: str) -> str:
    """`value` with some characters replaced, added or taken away."""
    letters = list(value[:200])
    for _ in range(dice.randint(1, 4)):
        at = dice.randint(0, len(letters))
        letters[at : at + dice.randint(0, 2)] = dice.choices(MUTATIONS, k=dice.randint(0, 3))
    return "".join(letters)


def _post(*headers: Header, body: bytes = b"") -> Attack:
    return Attack(method="POST", target="/files/", headers=(RESUMABLE, *headers), body=body)


def _patch(victim: Tracked, offset: str, *headers: Header, body: bytes = b"") -> Attack:
    every = (RESUMABLE, BYTES, ("Upload-Offset", offset), *headers)
    return Attack(method="PATCH", target=victim.target, headers=every, body=body)


def _lengths(victims: Sequence[Tracked], values: Sequence[str]) -> Iterator[Attack]:
    for value in values:
        yield _post(("Upload-Length", value))
        yield _post(("Upload-Defer-Length", value))
        # 0 is below the victim's offset, so that even a legal length here changes nothing.
        yield _patch(victims[0], "0", ("Upload-Length", value))


def _offsets(victims: Sequence[Tracked], values: Sequence[str]) -> Iterator[Attack]:
    for value in values:
        yield _patch(victims[0], value)


def _metadata(victims: Sequence[Tracked], values: Sequence[str]) -> Iterator[Attack]:
    for value in values:
        yield _post(("Upload-Length", "5"), ("Upload-Metadata", value))


def _concats(victims: Sequence[Tracked], values: Sequence[str]) -> Iterator[Attack]:
    for value in values:
        yield _post(("Upload-Concat", value))
        yield _post(("Upload-Concat", f"final;{victims[2].target} {value}"))


def _checksums(victims: Sequence[Tracked], values: Sequence[str]) -> Iterator[Attack]:
    for value in values:
        # Not of this body, even where a mutation is well formed.
        yield _patch(victims[0], "500", ("Upload-Checksum", value), body=b"hello, world")


def _ids(victims: Sequence[Tracked], values: Sequence[str]) -> Iterator[Attack]:
    for value in values:
        # What may not stand in a request line is escaped; the rest goes out as it is.
        target = "/files/" + "".join(letter if "!" <= letter <= "~" else quote(letter) for letter in value)
        for method in ("HEAD", "GET", "DELETE"):
            yield Attack(method=method, target=target, headers=(RESUMABLE,))
        yield Attack(
            method="PATCH", target=target, headers=(RESUMABLE, BYTES, ("Upload-Offset", "0")), body=b"x"
        )


def _versions(victims: Sequence[Tracked], values: Sequence[str]) -> Iterator[Attack]:
    for value in values:
        if value.strip(" \t") == RESUMABLE[1]:
            continue  # a mutation that is no attack
        every = (("Tus-Resumable", value), BYTES, ("Upload-Offset", "500"))
        yield Attack(method="PATCH", target=victims[0].target, headers=every, body=b"x")


def _doubled(victim: Tracked) -> Iterator[Attack]:
    """Protocol headers given twice."""
    for name, one, two in (
        ("Upload-Offset", "500", "0"),
        ("Upload-Length", "1000", "2000"),
        ("Upload-Checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Upload-Metadata", "a YQ==", "b YQ=="),
        ("Tus-Resumable", "1.0.0", "0.2.2"),
        ("Upload-Concat", "partial", "final;/files/x"),
        ("Upload-Defer-Length", "1", "1"),
        ("X-HTTP-Method-Override", "DELETE", "HEAD"),
    ):
        yield _patch(victim, "0", (name, one), (name, two), body=b"x")
        yield _post(("Upload-Length", "7"), (name, one), (name, two))


def _coded(victim: Tracked) -> Iterator[Attack]:
    """Compressed bodies, bombs among them: offsets count the bytes as sent, so they are refused."""
    bomb = gzip.compress(bytes(20 << 20))
    for coding in ("gzip", "deflate", "br", "x-gzip", "zstd", "gzip, gzip", "identity, gzip"):
        yield _patch(victim, "500", ("Content-Encoding", coding), body=bomb)
        yield _post(("Upload-Length", "99999"), BYTES, ("Content-Encoding", coding), body=bomb)


def _huge(victim: Tracked) -> Iterator[Attack]:
    """Headers of a million bytes, and many headers."""
    for name in ("Upload-Metadata", "Upload-Concat", "X-Anything", "Cookie"):
        yield _post(("Upload-Length", "5"), (name, "A" * 1_000_000))
    yield _post(("Upload-Length", "5"), *((f"X-{number}", "1") for number in range(1000)))
    yield Attack(method="HEAD", target="/files/" + "a" * 1_000_000, headers=(RESUMABLE,))


def _unusual(victim: Tracked) -> Iterator[Attack]:
    """Methods and media types that nobody asked for."""
    for method in ("PUT", "TRACE", "PROPFIND", "CONNECTX", "patch", "LOCK"):
        yield Attack(method=method, target=victim.target, headers=(RESUMABLE,))
        yield _patch(victim, "0", ("X-HTTP-Method-Override", method), body=b"x")
    for media in ("text/plain", "", "application/offset+octet-stream2", "multipart/form-data; boundary=x"):
        every = (RESUMABLE, ("Upload-Offset", "500"), ("Content-Type", media))
        yield Attack(method="PATCH", target=victim.target, headers=every, body=b"x")


KINDS: Sequence[tuple[Sequence[str], Kind]] = (
    (NUMBERS, _lengths),
    (NUMBERS, _offsets),
    (METADATA, _metadata),
    (CONCATS, _concats),
    (CHECKSUMS, _checksums),
    (IDS, _ids),
    (VERSIONS, _versions),
)
FIXED: Sequence[Callable[[Tracked], Iterator[Attack]]] = (_doubled, _coded, _huge, _unusual)
