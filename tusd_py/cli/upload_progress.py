"""What a person sees of an upload while it goes on, on standard error.

Belongs here: a bar on a terminal, lines elsewhere, or nothing. Not here: results (upload.py).
"""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, Protocol

from tusd_py.masking import escape_controls

from .terminal import warn

if TYPE_CHECKING:
    from tqdm import tqdm

    from tusd_py.client import Progress

_BETWEEN_LINES = 10.0
"""Seconds: often enough to see that something moves, and few enough for a log."""


class Watch(Protocol):
    """Is told of one file after the other."""

    def begin(self, name: str) -> None: ...

    def move(self, progress: "Progress") -> None: ...

    def notice(self, text: str) -> None: ...

    def end(self) -> None: ...


class Silence:
    """Only what went wrong."""

    def __init__(self) -> None:
        self._name = ""

    def begin(self, name: str) -> None:
        self._name = name

    def move(self, progress: "Progress") -> None: ...

    def notice(self, text: str) -> None:
        warn(f"{self._name}: {text}")

    def end(self) -> None: ...


class Lines(Silence):
    """A line now and then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said_at = 0.0

    def begin(self, name: str) -> None:
        super().begin(name)
        self._said_at = self._clock()

    def move(self, progress: "Progress") -> None:
        now = self._clock()
        if now - self._said_at < _BETWEEN_LINES:
            return
        self._said_at = now
        sys.stderr.write(f"{escape_controls(self._name)}: {_how_far(progress)}\n")
        sys.stderr.flush()


class Bar(Silence):
    """A bar that is drawn over and over."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: tqdm[NoReturn] | None = None

    def begin(self, name: str) -> None:
        from tqdm import tqdm  # noqa: PLC0415  # only where there is a terminal

        super().begin(name)
        # Its watching thread is for bars that are never told anything.
        tqdm.monitor_interval = 0
        self._bar = tqdm(
            desc=escape_controls(name),
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def move(self, progress: "Progress") -> None:
        if self._bar is None:
            return
        self._bar.total = progress.length
        if not self._bar.n and progress.confirmed:
            # What was there before is not to be taken for speed.
            self._bar.initial = self._bar.n = self._bar.last_print_n = progress.confirmed
        self._bar.update(progress.sent - self._bar.n)

    def notice(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        super().notice(text)
        if self._bar is not None:
            self._bar.refresh()

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def watch_for(*, quiet: bool) -> Watch:
    """What suits standard error."""
    if quiet:
        return Silence()
    return Bar() if sys.stderr.isatty() else Lines()


def _how_far(progress: "Progress") -> str:
    if not progress.length:
        return f"{progress.confirmed} bytes"
    return f"{100 * progress.sent // progress.length} % of {progress.length} bytes"
