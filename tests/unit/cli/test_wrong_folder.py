"""Commands that look at what a server keeps, with a folder in which none keeps anything."""

from pathlib import Path

import pytest

from tusd_py.cli.entry import main

ID = "0" * 32
COMMANDS = (
    ("ls",),
    ("show", ID),
    ("rm", ID),
    ("fsck",),
    ("key", "list"),
    ("key", "create", "--subject", "ann"),
    ("events", "export"),
    ("webhooks", "ls"),
    ("links", "ls"),
    ("quarantine", "list"),
    ("signing-keys", "list"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_folder_that_is_not_there_is_named_and_not_made(
    command: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--upload-dir", "dta"]) != 0
    said = capsys.readouterr().err
    assert "does not exist" in said
    assert "dta" in said
    assert "--upload-dir" in said
    assert not (tmp_path / "dta").exists()
    assert "Traceback" not in said


def test_where_the_rows_are_elsewhere_fsck_does_not_take_every_file_for_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = f"--set=database.url=sqlite:///{tmp_path}/rows.db"
    assert main(["migrate", "--upload-dir", "data", rows]) == 0
    assert main(["fsck", "--upload-dir", "data", rows]) == 0
    assert main(["fsck", "--repair", "--upload-dir", "dta", rows]) != 0
    assert "storage.upload_dir dta does not exist" in capsys.readouterr().err
    assert not (tmp_path / "dta").exists()
