"""A generator as seen from the benchmark: a process that makes ready, goes, and tells what it did.

Belongs here: the parent's side of the conversation in __main__.py. Not here: the load.
"""

import subprocess
import sys
from pathlib import Path
from typing import IO, Self

from .loads import FAILED, Load, Outcome, load_to_line, outcome_of_line
from .wire import LoadFailed

_ROOT = Path(__file__).resolve().parents[2]


class Generator:
    """A context manager; inside, the generator is connected and waits for `go`."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        try:
            self._tell(load_to_line(self._load))
            self._hear()
        except LoadFailed:
            self._process.kill()
            self._process.communicate()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *failure: object) -> None:
        """Raises LoadFailed when what it checks at the end was wrong."""
        if kind is not None:
            self._process.kill()
        # Ends its input, by which it lets go.
        said, _ = self._process.communicate()
        if kind is None and self._process.returncode:
            raise LoadFailed(self._reason(said))

    def go(self) -> None:
        """Start, without waiting."""
        self._tell("go")

    def stop(self) -> None:
        """End a load before its time, or one that has no end of its own."""
        self._tell("stop")

    def outcome(self) -> Outcome:
        """Wait until it has done its work; its connections stay open. Raises LoadFailed."""
        return outcome_of_line(self._hear())

    def run(self) -> Outcome:
        """Raises LoadFailed."""
        self.go()
        return self.outcome()

    def _tell(self, line: str) -> None:
        pipe = _pipe(self._process.stdin)
        try:
            pipe.write(line + "\n")
            pipe.flush()
        except BrokenPipeError as exc:
            raise LoadFailed(self._reason(_pipe(self._process.stdout).read())) from exc

    def _hear(self) -> str:
        line = _pipe(self._process.stdout).readline()
        if not line or line.startswith(FAILED):
            raise LoadFailed(self._reason(line))
        return line

    def _reason(self, line: str) -> str:
        return f"{type(self._load).__name__}: {line.strip().removeprefix(FAILED) or 'no reason given'}"


def _pipe(found: IO[str] | None) -> IO[str]:
    if found is None:
        raise TypeError("the process was started without pipes")
    return found
