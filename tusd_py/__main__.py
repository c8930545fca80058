"""`python -m tusd_py` is the command `tusd-py`."""

import sys

from .cli import main


def program() -> int:
    """The console script. The exit code."""
    # structlog takes rich along where it finds it, for tracebacks with local variables, and so with secrets.
    # We never use them, and they would be a fifth of each start.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # documented: such a name cannot be imported
    return main()


if __name__ == "__main__":
    sys.exit(program())
