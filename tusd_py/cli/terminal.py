"""What a person sees at the terminal, on standard error.

Belongs here: the look of errors and warnings. Not here: what they say.
"""

import os
import re
import sys

from tusd_py.masking import escape_controls, mask_text

_LABEL = re.compile(r"^(error|warning|hint|found|wanted):", re.MULTILINE)
_CARETS = re.compile(r"^( *\| *)(\^+)$", re.MULTILINE)
_COLOURS = {"error": "1;31", "warning": "1;33", "hint": "1;36", "found": "1", "wanted": "1"}


def complain(text: str) -> None:
    """Print an error that was rendered."""
    sys.stderr.write(_coloured(text) + "\n")


def warn(text: str) -> None:
    """Print one line of warning."""
    complain(f"warning: {escape_controls(mask_text(text))}")


def refuse(message: str, hint: str) -> None:
    """Print why a command stopped, and what to do about it."""
    lines = [f"error: {escape_controls(mask_text(message))}"]
    if hint:
        lines.append(f"hint: {escape_controls(mask_text(hint))}")
    complain("\n".join(lines))


def _coloured(text: str) -> str:
    """With colours on a terminal, unless NO_COLOR (no-color.org) is set."""
    if not sys.stderr.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    text = _LABEL.sub(lambda found: f"\x1b[{_COLOURS[found[1]]}m{found[0]}\x1b[0m", text)
    return _CARETS.sub(r"\1" + "\x1b[1;31m" + r"\2" + "\x1b[0m", text)
