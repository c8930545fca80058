"""Programs that not every machine has.

Belongs here: finding one, and what becomes of a test without it. Not here: running it.
"""

import os
import shutil
from collections.abc import Callable

import pytest


def or_skip(find: Callable[[], object], missing: type[Exception]) -> None:
    """Skip the test where `find` raises `missing`; under CI, which has or fetches all of them, fail."""
    try:
        find()
    except missing as absent:
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail(str(absent))
        pytest.skip(str(absent))


def find(name: str) -> str | None:
    """On PATH, or where Debian has daemons."""
    return shutil.which(
        name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    )
