"""How `tusd-py doctor` ends, and what it prints."""

import json
from pathlib import Path

import pytest

from .conftest import Run


def test_the_command_prints_fixes_and_ends_with_1_where_something_is_wrong(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    outcome = run("doctor", "--upload-dir", str(tmp_path / "file"))
    assert outcome.returncode == 1
    assert "WRONG" in outcome.stdout
    assert "-> " in outcome.stdout
    as_json = run("doctor", "--json", "--upload-dir", str(tmp_path / "file"))
    assert json.loads(as_json.stdout.splitlines()[0])["level"] == "wrong"
    assert run("doctor", "--upload-dir", str(tmp_path / "new")).returncode == 0


@pytest.mark.parametrize("url", ["ftp://x/", "nowhere", "http://:80/", "https://host:port/"])
def test_the_command_refuses_what_is_no_url(run: Run, url: str) -> None:
    outcome = run("doctor", "--url", url)
    assert outcome.returncode == 2
    assert url in outcome.stderr


def test_a_folder_that_may_not_be_looked_at_is_found(run: Run, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    outcome = run("doctor", "--upload-dir", str(tmp_path / "closed" / "data"))
    assert (outcome.returncode, outcome.stderr) == (1, "")
    assert outcome.stdout.count("Permission denied") == 2, "for files and for the database"
    assert "let that user enter the folders above it, or let storage.upload_dir" in outcome.stdout
