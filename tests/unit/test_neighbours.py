"""A foreign module that takes the name of one of our top-level packages."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imported(*folders: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    paths = [str(folder) for folder in folders]
    script = f"import sys\nsys.path[:0] = {paths!r}\n{before}\nimport tusd_py\nprint('fine')"
    return subprocess.run(
        [sys.executable, "-P", "-c", script], check=False, capture_output=True, text=True, cwd="/"
    )


def test_our_own_neighbours_are_accepted() -> None:
    assert imported(ROOT).stdout == "fine\n"


def test_they_may_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(ROOT)
    assert imported(tmp_path / "link").stdout == "fine\n"


@pytest.mark.parametrize("name", ["protocol", "storage_backends"])
@pytest.mark.parametrize("shape", ["module", "package"])
def test_a_stranger_is_named(tmp_path: Path, name: str, shape: str) -> None:
    if shape == "module":
        stranger = tmp_path / f"{name}.py"
    else:
        (tmp_path / name).mkdir()
        stranger = tmp_path / name / "__init__.py"
    stranger.write_text("")
    outcome = imported(tmp_path, ROOT)
    last = outcome.stderr.rstrip().split("\n")[-1]
    assert last.startswith(f"ImportError: tusd_py needs its own top-level package '{name}' at ")
    assert str(tmp_path / name) in last


def test_a_stranger_that_was_imported_before_is_named(tmp_path: Path) -> None:
    (tmp_path / "protocol.py").write_text("")
    outcome = imported(
        ROOT, before=f"sys.path.insert(0, {str(tmp_path)!r}); import protocol; sys.path.pop(0)"
    )
    assert "ImportError: tusd_py needs its own" in outcome.stderr


def test_the_version_is_asked_for_lazily() -> None:
    script = "import sys, tusd_py; assert 'importlib.metadata' not in sys.modules; print(tusd_py.__version__)"
    outcome = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.strip()
