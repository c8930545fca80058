"""Starting and stopping the service as a whole."""

import os
import signal
from pathlib import Path

import pytest

from tests.harness.rows import change
from tests.harness.server import Server, until
from tests.integration.house import Counted
from tusd_py.assemble.service import open_service
from tusd_py.config.settings import Database, Settings, Storage
from tusd_py.errors import Refused
from tusd_py.metadata.host import Host
from tusd_py.metadata.workers import WorkerRows


def settings_for(folder: Path, *, url: str = "") -> Settings:
    return Settings(
        storage=Storage(upload_dir=str(folder / "data"), free_space_floor=0), database=Database(url=url)
    )


def ignore() -> None:
    return None


async def start(settings: Settings) -> None:
    async with open_service(settings, Counted(), given_up=ignore) as service:
        await service.database_answers()
        await service.storage_answers()


async def test_a_service_starts_and_starts_again(tmp_path: Path) -> None:
    for _ in range(2):
        await start(settings_for(tmp_path))


async def test_a_service_stops_in_good_order_when_its_database_is_away(tmp_path: Path) -> None:
    async with open_service(settings_for(tmp_path), Counted(), given_up=ignore) as service:
        await service.database.close()
    await start(settings_for(tmp_path))


async def test_a_new_database_beside_old_uploads_is_refused(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    await start(settings)
    folder = tmp_path / "data" / "anonymous"
    folder.mkdir()
    (folder / ("0" * 32)).write_bytes(b"somebody's only copy")
    await start(settings)
    with pytest.raises(Refused, match="the database is new"):
        await start(settings_for(tmp_path, url=f"sqlite:///{tmp_path}/other.db"))
    assert (folder / ("0" * 32)).exists()


async def test_the_database_of_another_folder_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    await start(settings_for(tmp_path / "one", url=url))
    with pytest.raises(Refused, match="identity"):
        await start(settings_for(tmp_path / "two", url=url))


async def test_a_folder_that_cannot_be_used_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(Refused, match="data folder"):
        await start(settings_for(tmp_path))


async def test_the_memory_backend_leaves_nothing_behind(tmp_path: Path) -> None:
    settings = Settings(
        storage=Storage(backend="memory", upload_dir=str(tmp_path / "data")),
        database=Database(url=f"sqlite:///{tmp_path}/m.db"),
    )
    await start(settings)
    assert not (tmp_path / "data").exists()


async def test_a_second_host_with_a_folder_of_its_own_is_refused(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with open_service(settings, Counted(), given_up=ignore) as service:
        elsewhere = str(Host(boot="another boot", machine="another machine"))
        await WorkerRows(service.database).register("0" * 16, elsewhere, "b", "", 60_000_000)
    with pytest.raises(Refused, match="another host"):
        await start(settings)


async def test_a_worker_that_finds_its_database_broken_says_so_and_the_next_one_serves(
    tmp_path: Path, postgres_dsn: str
) -> None:
    async with Server(folder=tmp_path, database_url=postgres_dsn, workers=2) as server:
        await change(server, "ALTER TABLE uploads RENAME TO hidden")
        first, _ = server.worker_pids()
        os.kill(first, signal.SIGKILL)
        await until(lambda: "worker.failed" in server.log, "a worker that fails", 20)
        await change(server, "ALTER TABLE hidden RENAME TO uploads")
        await until(lambda: _served(server) >= 3, "another worker", 30)
        assert "does not exist" in server.log
        assert not server.first_traceback


def _served(server: Server) -> int:
    return server.log.count("worker.ready")
