"""Commands that look at what a server keeps, with a folder in which none keeps anything."""

import asyncio
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from storage_backends.base import About
from tusd_py import load_settings
from tusd_py.assemble.stores import open_folders, open_stores
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


def served(folder: Path) -> Path:
    """The bytes of an upload that a server keeps in `folder`, its rows beside them."""

    async def serve() -> None:
        settings = load_settings({"storage.upload_dir": str(folder), "storage.free_space_floor": 0})
        async with AsyncExitStack() as stack:
            stores = await open_stores(settings, open_folders(settings, stack).owner, stack)
            await stores.backend.put(About(upload_id=ID), f"anonymous/{ID}", [b"hello"], sealed=True)

    asyncio.run(serve())
    return folder / "anonymous" / ID


def rows_of(folder: Path) -> str:
    return f"--set=database.url=sqlite:///{folder}/.tusd/tusd.db"


def test_fsck_removes_no_bytes_for_the_rows_of_another_installation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    kept = served(one)
    served(other)
    assert main(["fsck", "--repair", "--upload-dir", str(one), rows_of(other)]) != 0
    said = capsys.readouterr().err
    assert (one / ".tusd" / "identity").read_text().strip() in said
    assert "database.url and storage.upload_dir" in said
    assert kept.read_bytes() == b"hello"


def test_fsck_removes_no_bytes_for_a_database_that_is_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = served(tmp_path / "data")
    rows = f"--set=database.url=sqlite:///{tmp_path}/new.db"
    assert main(["migrate", "--upload-dir", str(tmp_path / "data"), rows]) == 0
    assert main(["fsck", "--repair", "--upload-dir", str(tmp_path / "data"), rows]) != 0
    assert "the database is new" in capsys.readouterr().err
    assert kept.read_bytes() == b"hello"


def test_fsck_does_not_take_a_disk_that_is_not_mounted_for_lost_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served(tmp_path / "data")
    mounted_on = tmp_path / "mnt"
    mounted_on.mkdir()
    assert main(["fsck", "--repair", "--upload-dir", str(mounted_on), rows_of(tmp_path / "data")]) != 0
    assert "is the right disk mounted?" in capsys.readouterr().err
    assert list(mounted_on.iterdir()) == []


def test_what_was_restored_from_a_backup_is_checked_before_the_first_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served(tmp_path / "data")
    shutil.copytree(tmp_path / "data", tmp_path / "back", ignore=shutil.ignore_patterns("workers"))
    assert main(["fsck", "--upload-dir", str(tmp_path / "back")]) == 1
    assert f"no-row: anonymous/{ID}" in capsys.readouterr().out
