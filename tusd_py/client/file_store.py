"""Uploads under way, remembered in a file that outlives the process and is shared by several.

Belongs here: reading and replacing that file so that no crash and no second process can spoil it.
Not here: what is remembered (store.py).
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from .errors import StoreFailed, UnderWay
from .retry import Notice
from .store import Remembered

_VERSION = 1
_OURS_ONLY = 0o600
"""The mode of every file: who knows the URL of an upload may write to it."""

_DAY = 86400.0


class FileStore:
    """One JSON file, and beside it a lock and one more lock for each file that is being sent right now."""

    def __init__(
        self,
        path: Path,
        *,
        on_notice: Notice | None = None,
        longest: float = 30 * _DAY,
        most: int = 1000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Drops what was kept more than `longest` seconds ago, and the oldest of more than `most` uploads.

        What was kept within a day stays, however much it is: a command of many files goes through them in the
        same order each time, and would drop each just before it comes to it.
        """
        self._path = path
        self._notice = on_notice
        self._longest = longest
        self._most = most
        self._clock = clock

    @classmethod
    def of_user(cls, *, on_notice: Notice | None = None) -> Self:
        """`tusd-py/uploads.json` where the user's programs keep their state (XDG Base Directory 0.8).

        Raises StoreFailed for a user without a home.
        """
        state = Path(os.environ.get("XDG_STATE_HOME", ""))
        # "All paths set in these environment variables must be absolute", else they count for nothing.
        if not state.is_absolute():
            try:
                state = Path.home() / ".local" / "state"
            except RuntimeError as failed:
                raise StoreFailed(
                    "cannot remember uploads: neither HOME nor XDG_STATE_HOME is set"
                ) from failed
        return cls(state / "tusd-py" / "uploads.json", on_notice=on_notice)

    def find(self, key: str) -> Remembered | None:
        with self._locked():
            entry = self._read().get(key)
        return None if entry is None else _remembered(entry)

    def keep(self, key: str, remembered: Remembered) -> None:
        entry = {
            "path": remembered.path,
            "parts": {str(number): url for number, url in remembered.parts.items()},
            "final": remembered.final,
            "kept_at": self._clock(),
        }
        with self._locked():
            self._write(self._bounded({**self._read(), key: entry}))

    def forget(self, *keys: str) -> None:
        gone = frozenset(keys)
        with self._locked():
            entries = self._read()
            others = {key: entry for key, entry in entries.items() if key not in gone}
            if len(others) < len(entries):
                self._write(self._bounded(others))

    @contextmanager
    def claimed(self, key: str) -> Iterator[None]:
        """Held by the process, not by the file: a process that dies lets go."""
        path = self._path.with_name(f"{self._path.name}.{key}.lock")
        with self._translated():
            descriptor = self._claim(path)
        try:
            yield
        finally:
            # While it is still locked, so that nobody locks a name that is about to go. One that stays, on a
            # disk that became read-only, does no harm.
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)

    def _claim(self, path: Path) -> int:
        self._make_folder()
        while True:
            descriptor = _opened(path)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(descriptor, path):
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                raise UnderWay("another process is sending the same file to the same place") from None
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time. The lock is a file of its own, because the other one is replaced."""
        with self._translated():
            self._make_folder()
            descriptor = _opened(self._path.with_name(f"{self._path.name}.lock"))
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as failed:
            raise StoreFailed(f"cannot remember uploads in {self._path}: {failed.strerror}") from failed

    def _make_folder(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _read(self) -> dict[str, Any]:
        """Entries by key; none where nothing that we can read was written. Raises StoreFailed."""
        try:
            text = self._path.read_text("utf-8")
            found = json.loads(text)
            version, entries = found["version"], dict(found["uploads"])
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError) as wrong:
            self._move_aside(wrong)
            return {}
        if version != _VERSION:
            raise StoreFailed(f"{self._path} has version {version}, wanted {_VERSION}")
        return entries

    def _move_aside(self, wrong: Exception) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        self._path.replace(aside)
        if self._notice is not None:
            self._notice(
                f"{self._path} cannot be understood ({wrong}); moved to {aside.name}, beginning a new one"
            )

    def _bounded(self, entries: Mapping[str, Any]) -> dict[str, Any]:
        """The young ones: of them the youngest, and all of the last day."""
        now = self._clock()
        young = [(key, entry) for key, entry in entries.items() if _kept_at(entry) >= now - self._longest]
        young.sort(key=lambda pair: _kept_at(pair[1]))
        too_many, others = young[: -self._most], young[-self._most :]
        return dict([pair for pair in too_many if _kept_at(pair[1]) > now - _DAY] + others)

    def _write(self, entries: Mapping[str, Any]) -> None:
        """Replace the file: whoever reads meanwhile, and whoever dies, finds the old one or the new one."""
        new = self._path.with_name(f"{self._path.name}.new")
        # Without indent, which would take five times as long: there may be thousands.
        text = json.dumps({"version": _VERSION, "uploads": entries})
        new.unlink(missing_ok=True)
        with os.fdopen(_opened(new), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _OURS_ONLY)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the locked file is still the one of that name: its last holder may just have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _kept_at(entry: Any) -> float:
    kept_at = entry.get("kept_at") if isinstance(entry, dict) else None
    return float(kept_at) if isinstance(kept_at, int | float) else 0.0


def _remembered(entry: Any) -> Remembered | None:
    """None for what we did not write."""
    try:
        parts = {int(number): str(url) for number, url in entry["parts"].items()}
        final = None if entry["final"] is None else str(entry["final"])
        return Remembered(path=str(entry["path"]), parts=parts, final=final)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
