"""The real command, as a person runs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

Run = Callable[..., subprocess.CompletedProcess[str]]


def _without_privilege() -> list[str]:
    """Root may read every file; the command is to meet what other users meet."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `tusd-py` with arguments in an empty folder, without our variables from outside."""

    def command(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TUSD_PY_")}
        return subprocess.run(
            [*_without_privilege(), sys.executable, "-m", "tusd_py", *arguments],
            cwd=tmp_path,
            env={**inherited, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **environ},
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
        )

    return command
