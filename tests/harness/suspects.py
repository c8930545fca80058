"""Files that a scanner should tell apart, and what it should say of each.

Belongs here: making them from a seed. Not here: sending them.
"""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tusd_py.scanning.specimens import EICAR, zipped

# Longer than the files of the other kinds, and shorter than what is sent beside it.
LONGEST = 4 << 20
"""`scan.max_size` for these files, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A file and its verdict, by the database's words."""

    kind: str
    content: bytes
    verdict: str


def suspects(count: int, seed: int) -> list[Suspect]:
    """`count` files, as many of each kind, no two alike, in an order that follows from the seed."""
    dice = random.Random(seed)
    kinds = list(_KINDS.items())
    made = []
    for number in range(count):
        kind, (verdict, make) = kinds[number % len(kinds)]
        made.append(Suspect(kind=kind, content=make(dice), verdict=verdict))
    dice.shuffle(made)
    return made


def _clean(dice: random.Random) -> bytes:
    return dice.randbytes(dice.choice((0, 1, 5000, 300_000, 2_000_000)))


def _clean_zip(dice: random.Random) -> bytes:
    return zipped("clean.bin", dice.randbytes(20_000))


def _eicar(_dice: random.Random) -> bytes:
    return EICAR


def _eicar_zip(dice: random.Random) -> bytes:
    return _zip_with(dice, zipfile.ZIP_DEFLATED)


def _eicar_stored(dice: random.Random) -> bytes:
    return _zip_with(dice, zipfile.ZIP_STORED)


def _eicar_nested(dice: random.Random) -> bytes:
    content = _zip_with(dice, zipfile.ZIP_DEFLATED)
    for _ in range(dice.randrange(1, 6)):
        content = zipped(f"{dice.randrange(10**6)}.zip", content)
    return content


def _eicar_last(dice: random.Random) -> bytes:
    """Behind two million bytes."""
    return dice.randbytes(2_000_000) + _zip_with(dice, zipfile.ZIP_STORED)


def _encrypted(dice: random.Random) -> bytes:
    return encrypted_zip("secret.com", EICAR + dice.randbytes(50), b"infected", dice)


def _too_long(dice: random.Random) -> bytes:
    return EICAR + bytes(LONGEST) + dice.randbytes(100)


def _too_deep(dice: random.Random) -> bytes:
    content = EICAR + dice.randbytes(10)
    for _ in range(30):
        content = zipped("deeper.zip", content)
    return content


def _bomb(dice: random.Random) -> bytes:
    return zipped("zeros", bytes((20 << 20) + dice.randrange(1000)) + EICAR)


_KINDS: dict[str, tuple[str, Callable[[random.Random], bytes]]] = {
    "clean": ("clean", _clean),
    "EICAR": ("infected", _eicar),
    "clean ZIP": ("clean", _clean_zip),
    "EICAR in a ZIP": ("infected", _eicar_zip),
    "EICAR stored in a ZIP": ("infected", _eicar_stored),
    "EICAR in ZIPs in ZIPs": ("infected", _eicar_nested),
    "EICAR in a ZIP behind other bytes": ("infected", _eicar_last),
    "encrypted ZIP": ("unscannable", _encrypted),
    "too long": ("unscannable", _too_long),
    "too deep": ("unscannable", _too_deep),
    "bomb": ("unscannable", _bomb),
}


def _zip_with(dice: random.Random, method: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.bin"), dice.randbytes(dice.randrange(5000)), compress_type=method)
        archive.writestr(zipfile.ZipInfo("b.com"), EICAR, compress_type=method)
    return made.getvalue()


def encrypted_zip(name: str, content: bytes, password: bytes, dice: random.Random) -> bytes:
    """A ZIP encrypted in the traditional way, which zipfile can read but not write (APPNOTE.TXT 6.1)."""
    checksum = zlib.crc32(content)
    header = dice.randbytes(11) + bytes([checksum >> 24])
    packed = bytes(_encrypted_bytes(header + content, password))
    named = name.encode()
    sizes = struct.pack("<3I", checksum, len(packed), len(content))
    local = struct.pack("<4s5H", b"PK\x03\x04", 20, 1, 0, 0, 33) + sizes
    local += struct.pack("<2H", len(named), 0) + named
    central = struct.pack("<4s6H", b"PK\x01\x02", 20, 20, 1, 0, 0, 33) + sizes
    central += struct.pack("<5H2I", len(named), 0, 0, 0, 0, 0, 0) + named
    at = len(local) + len(packed)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(central), at, 0)
    return local + packed + central + end


def _encrypted_bytes(content: bytes, password: bytes) -> Iterator[int]:
    keys = [0x12345678, 0x23456789, 0x34567890]

    def turn(byte: int) -> None:
        keys[0] = _crc(byte, keys[0])
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = _crc(keys[1] >> 24, keys[2])

    for byte in password:
        turn(byte)
    for byte in content:
        mixed = (keys[2] | 2) & 0xFFFF
        yield byte ^ ((mixed * (mixed ^ 1)) >> 8 & 0xFF)
        turn(byte)


def _crc(byte: int, value: int) -> int:
    """One step of CRC-32 without its inversions."""
    return zlib.crc32(bytes([byte]), value ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
