"""Reading what a program asked of the kernel, and in which order, from a trace by strace.

`broken_promises` is the rule "write, make durable, and only then tell", checked on real system calls; it
works on a trace of a storage backend alone as well as on one of a whole server.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WRITES = frozenset({"pwrite64", "pwritev", "pwritev2", "write", "writev", "copy_file_range"})
SENDS = frozenset({"write", "writev", "sendto", "sendmsg"})
SYNCS = frozenset({"fdatasync", "fsync"})
NAMES = frozenset({"openat", "mkdirat", "mkdir", "renameat", "renameat2", "rename", "linkat", "unlinkat"})
TRACED = sorted(WRITES | SENDS | SYNCS | NAMES | {"ftruncate", "fallocate", "fchmod"})

_BEGAN = re.compile(r"(?P<pid>\d+)\s+(?P<name>\w+)\((?P<text>.*)")
_RESUMED = re.compile(r"(?P<pid>\d+)\s+<\.\.\. (?P<name>\w+) resumed>(?P<text>.*)")
_UNFINISHED = " <unfinished ...>"
_RESULT = re.compile(r"\)\s+=\s+(?P<result>-?\d+)(<(?P<path>[^>]*)>)?[^)]*$")
_DESCRIPTOR = re.compile(r"(?:\d+|AT_FDCWD)<(?P<path>[^>]*)>")
_NAME = re.compile(r'"(?P<name>(?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One system call that succeeded. `began` and `ended` are lines of the trace."""

    name: str
    path: str
    """What it acted on: the file written, synced, or opened; the name made."""
    text: str
    """Its arguments as strace shows them."""
    began: int
    ended: int

    @property
    def makes_a_name(self) -> bool:
        """Taking every O_CREAT for a new file is right in a folder that was empty at the start."""
        return self.name in ("mkdirat", "mkdir") or (self.name == "openat" and "O_CREAT" in self.text)


@cache
def why_not() -> str:
    """Why nothing can be traced here; "" when it can."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed"
    tried = subprocess.run(
        [strace, "-f", "-o", os.devnull, "true"], capture_output=True, text=True, check=False
    )
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()}"


def traced(command: Sequence[str], trace: Path, *, cwd: Path) -> list[Call]:
    """Run a command to its end under strace, which writes to the file `trace`."""
    subprocess.run([*strace_command(trace), *command], cwd=cwd, check=True, timeout=60)
    return parse(trace.read_text(errors="replace").splitlines())


def strace_command(trace: Path) -> list[str]:
    """What to put before a command, or, with "-p" and a pid behind it, to attach to a running one."""
    return ["strace", "-f", "-y", "-s", "256", "-e", f"trace={','.join(TRACED)}", "-o", str(trace)]


def parse(lines: Iterable[str]) -> list[Call]:
    """The successful calls, in the order of their beginning."""
    calls: list[Call] = []
    pending: dict[tuple[str, str], tuple[int, str]] = {}
    for number, line in enumerate(lines):
        if (began := _BEGAN.match(line)) is not None:
            key, start, text = (began["pid"], began["name"]), number, began["text"]
            if text.endswith(_UNFINISHED):
                pending[key] = (number, text.removesuffix(_UNFINISHED))
                continue
        elif (resumed := _RESUMED.match(line)) is not None:
            key = (resumed["pid"], resumed["name"])
            start, text = pending.pop(key, (number, ""))
            text += resumed["text"]
        else:
            continue
        call = _call(key[1], text, start, number)
        if call is not None:
            calls.append(call)
    return sorted(calls, key=lambda call: call.began)


def _call(name: str, text: str, began: int, ended: int) -> Call | None:
    result = _RESULT.search(text)
    if result is None or int(result["result"]) < 0:
        return None
    return Call(name=name, path=_path(name, text, result["path"]), text=text, began=began, ended=ended)


def _path(name: str, text: str, opened: str | None) -> str:
    if name == "openat" and opened:
        return opened
    descriptors = [found["path"] for found in _DESCRIPTOR.finditer(text)]
    if name == "copy_file_range":
        return descriptors[1]
    if name not in NAMES:
        return descriptors[0] if descriptors else ""
    named = _NAME.search(text)
    return os.path.join(descriptors[0] if descriptors else "", named["name"] if named else "")  # noqa: PTH118 - both are bare strings of a trace


def sent(calls: Iterable[Call], text: str) -> list[Call]:
    """Every call that sent or wrote something with `text` in its first 256 bytes."""
    return [call for call in calls if call.name in SENDS and text in call.text]


def broken_promises(calls: Sequence[Call], told: Call, counts: Callable[[str], bool]) -> list[str]:
    """What was not durable when `told` began, one sentence each; empty is what you want.

    Looks at every write to, and every making of, a path for which `counts` is true, and that ended before.
    """
    before = [call for call in calls if call.ended < told.began]
    found = []
    for call in before:
        if not counts(call.path):
            continue
        if call.name in WRITES and not _synced_after(call, before, call.path):
            found.append(f"{call.path} was written (line {call.ended}) and not synced")
        if call.makes_a_name and not _synced_after(call, before, str(Path(call.path).parent)):
            found.append(f"the name {call.path} was made (line {call.ended}) and its folder not synced")
    return found


def _synced_after(call: Call, before: Iterable[Call], path: str) -> bool:
    return any(sync.name in SYNCS and sync.path == path and sync.began > call.ended for sync in before)
