"""Names that would lead out of the data folder, in every place where a request can name something.

The program runs under strace. What a request could make it open must lie in its data folder; and whatever
the payload, the answer is a refusal below 500, or an upload that carries it as mere text.

Belongs here: the payloads, sending and judging. Not here: reading strace's lines (tests/syscalls.py).
"""

import asyncio
import itertools
import json
import random
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

from tests.access.asking import OFFSET_BYTES, TUS
from tests.access.issuer import bearer, jwt_settings, token
from tests.harness.server import Server
from tests.harness.wire import Connection, NoAnswer, head_of
from tests.syscalls import why_not

from .report import Outcome

OPENS = (
    *("open", "openat", "openat2", "creat", "unlink", "unlinkat", "rename", "renameat", "renameat2"),
    *("mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat"),
)
OF_THE_RUNTIME = frozenset({"/sys/devices/system/cpu/online"})
"""glibc looks there when a thread needs memory of its own (malloc/arena.c)."""
_CALL = re.compile(
    r"^\d+ +(?P<name>\w+)\((?P<first>(?:AT_FDCWD|\d+)<(?P<folder>[^>]*)>, )?\"(?P<path>(?:[^\"\\]|\\.)*)\"",
    re.MULTILINE,
)

UPWARD = tuple("../" * depth for depth in range(1, 9))
ENDS = ("etc/passwd", "proc/self/environ", ".tusd/tusd.db", "x.info", "data/.tusd/workers")
SPELLINGS = (
    ("/", "/"),
    ("../", "..%2f"),
    ("../", "%2e%2e/"),
    ("../", "%2e%2e%2f"),
    ("../", "..%252f"),
    ("../", "%252e%252e%252f"),
    ("../", "..\\"),
    ("../", "..%5c"),
    ("../", "%c0%ae%c0%ae/"),
    ("../", "..%c0%af"),
    ("../", "....//"),
    ("../", "..;/"),
    ("../", ".%00./"),
    ("../", "%e2%80%a5/"),
    ("../", "%ef%bc%8e%ef%bc%8e%ef%bc%8f"),
)
ABSOLUTE = (
    *("/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "file:///etc/passwd", "file:%2f%2f%2fetc%2fpasswd"),
    *(
        "C:\\Windows\\win.ini",
        "C:%5cWindows%5cwin.ini",
        "\\\\host\\share",
        "~root/.profile",
        "$HOME/.profile",
    ),
    *("%00", "%00/etc/passwd", "/dev/null", "/dev/fd/0", "/proc/self/fd/3", "."),
)
BESIDE = (
    *(".info", ".lock", ".part", ".json", ".tmp", "~", "%00", "%00.info", "/", "/.", "/..", "/../", "/x"),
    *(";x", "%20", ".", "..", "%2f", "%0a", "\\", ":$DATA", "::$INDEX_ALLOCATION"),
)
"""What is put behind an id that is there: sidecars of other servers, alternate streams. No query, which names
nothing: the upload is meant, and goes with DELETE."""


def missing() -> str | None:
    """Why the server cannot be traced here; None when it can."""
    return why_not() or None


def payloads(upload_id: str) -> list[str]:
    """All of them, each once."""
    upward = [
        (up + end).replace(plain, spelled)
        for up, end, (plain, spelled) in itertools.product(UPWARD, ENDS, SPELLINGS)
    ]
    behind = [upload_id + end for end in BESIDE]
    before = [
        f"{start}{upload_id}" for start in ("./", "../files/", "%2e/", "/", "//", "x/../", "%00", "%20")
    ]
    odd = [upload_id.upper(), upload_id[:-1], upload_id + "0", "\u0660" * 32, "0" * 31 + "g", "-" * 32]
    return list(dict.fromkeys((*upward, *ABSOLUTE, *behind, *before, *odd)))


Sent = tuple[str, str, tuple[tuple[str, str], ...], bytes]
"""Method, target, headers, body."""


def requests_with(payload: str, owner: tuple[str, str]) -> Iterator[Sent]:
    """The payload wherever a request names something."""
    text = b64encode(payload.encode("utf-8", "surrogateescape")).decode()
    plain = payload.encode("ascii", "ignore").decode()
    for method in ("HEAD", "GET", "DELETE"):
        yield method, f"/files/{plain}", (owner, TUS), b""
    offset = ("Upload-Offset", "0")
    yield "PATCH", f"/files/{plain}", (owner, TUS, OFFSET_BYTES, offset), b"x"
    yield "POST", f"/files/{plain}", (owner, TUS, ("X-HTTP-Method-Override", "DELETE")), b""
    yield "GET", f"/file/{plain}", (owner,), b""
    yield "GET", f"/s/{plain}", (), b""
    yield "GET", f"/assets/{plain}", (), b""
    yield "POST", f"/api/v1/uploads/{plain}/token", (owner,), b""
    for method in ("GET", "DELETE"):
        yield method, f"/api/v1/files/{plain}", (owner,), b""
    json_type = ("Content-Type", "application/json")
    wanted = json.dumps({"filename": payload, "path": payload}).encode()
    yield "PATCH", f"/api/v1/files/{plain}", (owner, json_type), wanted
    final = ("Upload-Concat", f"final;/files/{plain}")
    yield "POST", "/files/", (owner, TUS, final), b""
    for name in ("filename", "filetype", "name", "path", "file_id", "relativePath"):
        named = ("Upload-Metadata", f"{name} {text}")
        yield "POST", "/files/", (owner, TUS, ("Upload-Length", "1"), OFFSET_BYTES, named), b"x"
    yield "GET", "/", (("Host", plain),), b""
    # A subject of that name has a folder of its own.
    somebody = bearer(token(tenant="acme", sub=payload[:80]))
    yield "POST", "/files/", (somebody, TUS, ("Upload-Length", "1"), OFFSET_BYTES), b"x"


async def nothing_outside(server: Server, outcome: Outcome, runs: int) -> Outcome:
    """Measures nothing. `runs` is how many payloads are sent, each in every place."""
    log = server.folder / "trace"
    server.wrapper = ("strace", "-f", "-y", "-s", "400", "-e", f"trace={','.join(OPENS)}", "-o", str(log))
    server.settings = {**jwt_settings(server.folder), **server.settings}
    owner = bearer(token(tenant="acme"))
    async with server:
        upload_id = await _warm_up(server, owner)
        mark = log.stat().st_size
        chosen = payloads(upload_id)
        random.Random(outcome.seed).shuffle(chosen)
        for payload in chosen[:runs]:
            await _send_all(server, payload, owner, outcome)
            outcome.runs += 1
        if server.first_traceback:
            outcome.broken("log", server.first_traceback)
        if (await _status(server, ("HEAD", f"/files/{upload_id}", (owner, TUS), b""))) != 200:
            outcome.broken("state", "the upload that was there is not there any more")
    opened = list(_opened(log, mark))
    for name, path in opened:
        if not path.is_relative_to(server.data.resolve()) and str(path) not in OF_THE_RUNTIME:
            outcome.broken("outside", f"{name} of {path}")
    outcome.remarks.append(f"{len(chosen)} payloads known, {len(opened)} calls inside")
    return outcome


async def _warm_up(server: Server, owner: tuple[str, str]) -> str:
    """What is loaded only once is loaded; the id of an upload that must stay."""
    for sent in requests_with("warm", owner):
        await _status(server, sent)
    async with await Connection.open(server.address) as connection:
        head = (("Host", "localhost"), owner, TUS, ("Upload-Length", "5"))
        await connection.send(head_of("POST", "/files/", head))
        made = await connection.answer("POST")
    return made.headers["location"].rpartition("/")[2]


async def _send_all(server: Server, payload: str, owner: tuple[str, str], outcome: Outcome) -> None:
    every = list(requests_with(payload, owner))
    statuses = await asyncio.gather(*(_status(server, sent) for sent in every))
    for sent, status in zip(every, statuses, strict=True):
        names_it_in_path = sent[1] not in ("/files/", "/")
        if status is None or status >= 500 or (names_it_in_path and _is_wrong(sent, status)):
            outcome.broken("answer", f"{status} to {sent[0]} {sent[1]!r} {sent[2]}")


def _is_wrong(sent: Sent, status: int) -> bool:
    """A payload that is refused names nothing; a fragment of dots may be the collection itself."""
    return status < 400 and re.fullmatch(r"/(files|assets|api|s|file)/[./]*", sent[1]) is None


async def _status(server: Server, sent: Sent) -> int | None:
    method, target, headers, body = sent
    host = () if any(name == "Host" for name, _ in headers) else (("Host", "localhost"),)
    framing = (("Content-Length", str(len(body))),) if body else ()
    head = head_of(method, target.replace(" ", "%20"), (*host, *headers, *framing, ("Connection", "close")))
    try:
        async with await Connection.open(server.address) as connection:
            await connection.send(head, body)
            return (await connection.answer(method)).status
    except NoAnswer:
        return None


def _opened(log: Path, mark: int) -> Iterator[tuple[str, Path]]:
    """Every name that was acted on after `mark` bytes of the trace, resolved as the kernel would."""
    text = log.read_bytes()[mark:].decode(errors="replace")
    for found in _CALL.finditer(text):
        path = found["path"].encode().decode("unicode_escape")
        yield found["name"], Path(found["folder"] or "/").joinpath(path).resolve()
