"""Folders that the user of a command may not enter, read or write to."""

from pathlib import Path

import pytest

from .conftest import Run

LOOKING = (("ls",), ("fsck",), ("key", "list"), ("events", "tail"))


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_a_database_that_may_not_be_looked_at_is_named(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    assert run("migrate", "--upload-dir", "data").returncode == 0
    (tmp_path / "data" / ".tusd").chmod(0)
    outcome = run(*command, "--upload-dir", "data")
    assert outcome.returncode == 1
    user = tmp_path.stat().st_uid
    assert outcome.stderr == (
        "error: the database data/.tusd/tusd.db cannot be looked at: Permission denied\n"
        f"hint: check database.url, and that user id {user} may enter the folders above it\n"
    )


def test_data_that_may_not_be_looked_at_are_named(run: Run, tmp_path: Path) -> None:
    rows = f"--set=database.url=sqlite:///{tmp_path}/rows.db"
    assert run("migrate", "--upload-dir", "closed/data", rows).returncode == 0
    (tmp_path / "closed").chmod(0)
    outcome = run("fsck", "--upload-dir", "closed/data", rows)
    assert outcome.returncode == 1
    assert "error: storage.upload_dir closed/data cannot be looked at: Permission denied\n" in outcome.stderr


def test_the_folder_of_a_database_that_cannot_be_made_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    rows = f"sqlite://{tmp_path}/closed/new/rows.db"
    outcome = run("migrate", "--upload-dir", "data", "--set", f"database.url={rows}")
    assert outcome.returncode == 1
    assert f"cannot be used: Permission denied: {tmp_path}/closed/new" in outcome.stderr
    assert "hint: database.url must be in a folder that user id" in outcome.stderr


@pytest.mark.parametrize("is_made", [False, True])
def test_a_folder_for_locks_that_may_not_be_written_to_is_named(
    run: Run, tmp_path: Path, *, is_made: bool
) -> None:
    assert run("migrate", "--upload-dir", "data").returncode == 0
    closed = tmp_path / "data" / ".tusd"
    if is_made:
        closed /= "workers"
        closed.mkdir()
    closed.chmod(0o555)
    outcome = run("serve", "--port", "0", "--upload-dir", "data")
    assert outcome.returncode == 1
    assert "error: the service folder cannot be used: Permission denied: data/.tusd/workers" in outcome.stderr
    assert "hint: storage.service_dir must be a folder that user id" in outcome.stderr
