"""What a scanner must find, or must say that it cannot look at, before anybody believes that a file is clean.

Each of these is something that clamd answers "OK" to under some settings, with malware inside:

- archives, with ScanArchive off;
- more levels than MaxRecursion, and files longer than MaxFileSize, without AlertExceedsMax;
- encrypted archives, without AlertEncrypted;
- a member of a ZIP that is longer than MaxFileSize while MaxScanSize is larger: it is cut without a word,
  even with AlertExceedsMax (clamd 1.4.6, measured).

Belongs here: the bytes. Not here: who asks, and when (prover.py).
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

EICAR = b"".join((b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$", b"EICAR-STANDARD-", b"ANTIVIRUS-TEST-FILE!$H+H*"))
"""The test file of eicar.org, in pieces so that no scanner takes this file for one."""

_LEVELS = 120
"""Above MaxRecursion, which clamd limits to 100."""
_BLOCK = 1 << 20
_HUGE = 1 << 31
"""Bytes; no file above 2 GiB - 3 is ever scanned (libclamav/others.h, CLI_MAX_MAXFILESIZE)."""


class Wanted(StrEnum):
    """The answer to a specimen that proves something."""

    CLEAN = "clean"
    INFECTED = "infected"
    NOT_CLEAN = "infected or unscannable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """A stream, what must be said of it, and what to do if it is not."""

    name: str
    blocks: Callable[[], Iterator[bytes]]
    wanted: Wanted
    hint: str


def specimens(max_size: int) -> Iterator[Specimen]:
    """All of them, small ones first; the last sends `max_size` + 1 bytes."""
    yield Specimen(
        name="plain text",
        blocks=lambda: iter([b"nothing is wrong with this\n"]),
        wanted=Wanted.CLEAN,
        hint="a signature matches everything",
    )
    yield Specimen(
        name="EICAR",
        blocks=lambda: iter([EICAR]),
        wanted=Wanted.INFECTED,
        hint="are there signatures in DatabaseDirectory?",
    )
    yield Specimen(
        name="EICAR in a ZIP in a ZIP",
        blocks=lambda: iter([zipped("inner.zip", zipped("eicar.com", EICAR))]),
        wanted=Wanted.INFECTED,
        hint="set ScanArchive yes in clamd.conf",
    )
    yield Specimen(
        name="an encrypted ZIP",
        blocks=lambda: iter([marked_encrypted(zipped("secret", bytes(100)))]),
        wanted=Wanted.NOT_CLEAN,
        hint="set AlertEncrypted yes in clamd.conf",
    )
    yield Specimen(
        name=f"a ZIP {_LEVELS} levels deep",
        blocks=lambda: iter([_deep()]),
        wanted=Wanted.NOT_CLEAN,
        hint="set AlertExceedsMax yes in clamd.conf",
    )
    yield Specimen(
        name="a ZIP with a member of 2 GiB",
        blocks=lambda: iter([_bomb()]),
        wanted=Wanted.NOT_CLEAN,
        hint="set AlertExceedsMax yes, and MaxScanSize not above MaxFileSize, in clamd.conf",
    )
    yield Specimen(
        name="EICAR at the end of scan.max_size + 1 bytes",
        blocks=lambda: _long(max_size + 1),
        wanted=Wanted.NOT_CLEAN,
        hint="set AlertExceedsMax yes in clamd.conf",
    )


def zipped(name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP with one member."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return made.getvalue()


def marked_encrypted(archive: bytes) -> bytes:
    """The same ZIP, saying that its members are encrypted (APPNOTE.TXT 4.4.4, bit 0)."""
    marked = bytearray(archive)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = marked.find(signature)
        while at >= 0:
            marked[at + flags] |= 1
            at = marked.find(signature, at + 1)
    return bytes(marked)


@cache
def _deep() -> bytes:
    content = b"deep"
    for _ in range(_LEVELS):
        content = zipped("deeper.zip", content)
    return content


@cache
def _bomb() -> bytes:
    """2 GiB of zeros in a ZIP in a ZIP, a few KiB long."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # After a full flush nothing refers back, so the same compressed block may be repeated.
    block = compressor.compress(bytes(_BLOCK)) + compressor.flush(zlib.Z_FULL_FLUSH)
    deflated = block * (_HUGE // _BLOCK) + compressor.flush(zlib.Z_FINISH)
    return zipped("inner.zip", _zip_of(b"zeros", deflated, method=8, length=_HUGE))


def _long(length: int) -> Iterator[bytes]:
    """Zeros as a stored member, and behind them EICAR as another; `length` bytes in all."""
    tail = zipped("eicar.com", EICAR, zipfile.ZIP_STORED)
    local_eicar = tail[: tail.index(b"PK\x01\x02")]
    name = b"zeros"
    around = 30 + len(name) + len(local_eicar) + 46 + len(name) + 46 + len(b"eicar.com") + 22
    zeros = max(0, length - around)
    start = 30 + len(name) + zeros
    yield _local(name, method=0, packed=zeros, length=zeros)
    for at in range(0, zeros, _BLOCK):
        yield bytes(min(_BLOCK, zeros - at))
    yield local_eicar
    directory = _central(name, method=0, packed=zeros, length=zeros, at=0)
    directory += _central(b"eicar.com", method=0, packed=len(EICAR), length=len(EICAR), at=start)
    yield directory + _end(2, len(directory), start + len(local_eicar))


def _zip_of(name: bytes, packed: bytes, *, method: int, length: int) -> bytes:
    local = _local(name, method=method, packed=len(packed), length=length)
    directory = _central(name, method=method, packed=len(packed), length=length, at=0)
    return local + packed + directory + _end(1, len(directory), len(local) + len(packed))


# APPNOTE.TXT 4.3.7, 4.3.12 and 4.3.16. The checksums are 0, which no scanner looks at.


def _local(name: bytes, *, method: int, packed: int, length: int) -> bytes:
    return (
        struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, method, 0, 33, 0, packed, length, len(name), 0) + name
    )


def _central(name: bytes, *, method: int, packed: int, length: int, at: int) -> bytes:
    sizes = struct.pack("<3I3H", 0, packed, length, len(name), 0, 0)
    return (
        struct.pack("<4s6H", b"PK\x01\x02", 20, 20, 0, method, 0, 33)
        + sizes
        + struct.pack("<2H2I", 0, 0, 0, at)
        + name
    )


def _end(members: int, size: int, at: int) -> bytes:
    return struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, members, members, size, at, 0)
