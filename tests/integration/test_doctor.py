"""What the doctor says of folders, databases and scanners."""

from pathlib import Path

from storage_backends.filesystem.room import Room
from tests.harness.server import Server
from tests.services.clamd import ClamdServer
from tests.services.postgres import PostgresServer
from tusd_py.assemble.tools import bring_up_to_date
from tusd_py.config.settings import Scan, Settings
from tusd_py.doctor.disk import judge
from tusd_py.doctor.finding import Level

from .examined import found, here, on_postgres, only, wrongs


async def test_an_installation_that_was_never_started_is_well(tmp_path: Path) -> None:
    every = await found(here(tmp_path))
    assert not wrongs(every)
    assert only(every, "database", Level.SKIPPED)
    assert not (tmp_path / "data").exists(), "it makes nothing"


async def test_a_running_installation_is_well(tmp_path: Path) -> None:
    async with Server(folder=tmp_path):
        every = await found(here(tmp_path))
    assert {finding.level for finding in every} == {Level.WELL}


async def test_a_folder_that_cannot_be_one_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    assert "is no folder" in only(await found(here(tmp_path)), "disk").what


async def test_a_folder_that_a_power_cut_empties_is_found(tmp_path: Path) -> None:
    every = await found(here(tmp_path, upload_dir="/dev/shm/tusd-py-doctor"))
    assert "tmpfs" in only(every, "disk").what
    forgetful = await found(here(tmp_path, upload_dir="/dev/shm/tusd-py-doctor", durability="process"))
    assert only(forgetful, "disk", Level.WELL)


async def test_a_disk_that_is_too_full_is_found(tmp_path: Path) -> None:
    full = judge(Room(free=1 << 20, floor=2 << 20, seen_at=0.0), str(tmp_path))
    assert full.level is Level.WRONG
    assert full.what.endswith("1 MiB free, and 2 MiB are to stay free: new uploads get 507")


async def test_a_disk_with_less_than_the_floor_is_well_while_uploads_begin(tmp_path: Path) -> None:
    assert only(await found(here(tmp_path, free_space_floor=1 << 60)), "disk", Level.WELL)


async def test_a_schema_that_is_behind_is_found(tmp_path: Path, empty_postgres_dsn: str) -> None:
    settings = on_postgres(here(tmp_path), empty_postgres_dsn)
    assert "migrations" in only(await found(settings), "database", Level.ADVICE).what
    by_hand = on_postgres(here(tmp_path), empty_postgres_dsn, migrate=False)
    assert "tusd-py migrate" in only(await found(by_hand), "database").fix
    await bring_up_to_date(by_hand, migrate=True)
    assert only(await found(by_hand), "database", Level.WELL)


async def test_a_database_that_does_not_answer_is_found(tmp_path: Path) -> None:
    settings = on_postgres(here(tmp_path), "postgresql://nobody@127.0.0.1:1/nothing", timeout=2.0)
    assert only(await found(settings), "database")


async def test_a_database_that_forgets_is_found(
    tmp_path: Path, postgres_dsn: str, postgres_server: PostgresServer
) -> None:
    name = postgres_dsn.rpartition("/")[2]
    postgres_server.sql(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    assert (
        "synchronous_commit" in only(await found(on_postgres(here(tmp_path), postgres_dsn)), "database").fix
    )


async def test_more_connections_than_the_database_has_are_found(tmp_path: Path, postgres_dsn: str) -> None:
    settings = on_postgres(here(tmp_path), postgres_dsn, pool_size=5000)
    await bring_up_to_date(on_postgres(here(tmp_path), postgres_dsn), migrate=True)
    [finding] = wrongs(await found(settings))
    assert "max_connections" in finding.fix


def scanned(folder: Path, socket: str, **scan: object) -> Settings:
    base = here(folder)
    chosen = {"clamd_socket": socket, "signatures_max_age": 0.0, **scan}
    return Settings(storage=base.storage, scan=Scan(**chosen))  # type: ignore[arg-type] # a test's own names


async def test_a_scanner_that_finds_what_it_has_to_is_well(tmp_path: Path, clamd_server: ClamdServer) -> None:
    settings = scanned(tmp_path, clamd_server.socket, max_size=1 << 20)
    assert only(await found(settings), "scanner", Level.WELL)


async def test_a_scanner_that_is_not_there_is_looked_for_where_it_should_be(tmp_path: Path) -> None:
    wrong = only(await found(scanned(tmp_path, str(tmp_path / "nothing.sock"))), "scanner")
    assert "is clamd running?" in wrong.fix
    assert "scan.clamd_socket" in wrong.fix


async def test_a_scanner_with_old_signatures_is_found(tmp_path: Path, clamd_server: ClamdServer) -> None:
    settings = scanned(tmp_path, clamd_server.socket, signatures_max_age=1.0)
    assert "signatures" in only(await found(settings), "scanner").what


async def test_a_scanner_that_is_not_there_is_found(tmp_path: Path) -> None:
    assert only(await found(scanned(tmp_path, str(tmp_path / "socket"))), "scanner")
