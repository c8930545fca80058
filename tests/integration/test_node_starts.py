"""Who may serve beside whom, and what a node says that may not."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.services.pgbouncer import answers, pgbouncer
from tests.services.postgres import PostgresServer, passable_folder
from tusd_py.assemble.service import Service, open_service
from tusd_py.config.settings import Database, Settings, Storage
from tusd_py.errors import Refused
from tusd_py.metadata.host import Host
from tusd_py.metadata.workers import WorkerRows
from tusd_py.standing import LISTENS, POLLS

from .house import Counted
from .test_service import ignore, start

MINUTE = 60_000_000


def node_of(folder: Path, number: int, dsn: str, **database: str) -> Settings:
    """A node with a service folder of its own and the data folder of all."""
    storage = Storage(
        upload_dir=str(folder / "data"),
        service_dir=str(folder / f"node{number}"),
        shared=True,
        free_space_floor=0,
    )
    return Settings(storage=storage, database=Database(url=dsn, **database))  # type: ignore[arg-type]  # tests name what they mean


def alone(settings: Settings) -> Settings:
    return replace(settings, storage=replace(settings.storage, shared=False))


async def opened(settings: Settings, stack: AsyncExitStack) -> Service:
    return await stack.enter_async_context(open_service(settings, Counted(), given_up=ignore))


async def addresses(service: Service) -> list[str]:
    return [worker.address for worker in await WorkerRows(service.database).alive()]


async def test_nodes_that_declare_their_folder_shared_serve_together(
    tmp_path: Path, postgres_dsn: str
) -> None:
    async with AsyncExitStack() as stack:
        for number in range(3):
            service = await opened(node_of(tmp_path, number, postgres_dsn), stack)
        assert await addresses(service) == [LISTENS] * 3
        hosts = {worker.host for worker in await WorkerRows(service.database).alive()}
        assert len(hosts) == 3
        assert len({Host.parse(host).boot for host in hosts}) == 1


async def test_a_second_container_is_refused_where_nothing_is_declared(
    tmp_path: Path, postgres_dsn: str
) -> None:
    first, second = (alone(node_of(tmp_path, number, postgres_dsn)) for number in range(2))
    async with AsyncExitStack() as stack:
        await opened(first, stack)
        with pytest.raises(Refused, match="another host or container serves") as refused:
            await start(second)
        assert "storage.shared = true" in (refused.value.hint or "")
        await start(first)  # a second worker of the same container
    await start(second)


async def test_a_second_container_is_refused_on_sqlite(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/rows.db"
    async with AsyncExitStack() as stack:
        await opened(alone(node_of(tmp_path, 0, url)), stack)
        with pytest.raises(Refused, match="another host or container serves"):
            await start(node_of(tmp_path, 1, url))


async def test_nobody_joins_one_that_believes_to_be_alone(tmp_path: Path, postgres_dsn: str) -> None:
    async with AsyncExitStack() as stack:
        await opened(alone(node_of(tmp_path, 0, postgres_dsn)), stack)
        with pytest.raises(Refused, match=r"without storage\.shared = true"):
            await start(node_of(tmp_path, 1, postgres_dsn))


async def test_nodes_with_different_data_are_refused(tmp_path: Path, postgres_dsn: str) -> None:
    await start(node_of(tmp_path / "a", 0, postgres_dsn))
    with pytest.raises(Refused, match="identity"):
        await start(node_of(tmp_path / "b", 1, postgres_dsn))


async def test_a_machine_that_was_started_again_is_not_another_one(tmp_path: Path, postgres_dsn: str) -> None:
    settings = alone(node_of(tmp_path, 0, postgres_dsn))
    async with AsyncExitStack() as stack:
        service = await opened(settings, stack)
        here = Host.this()
        if not here.machine:
            pytest.skip("this machine has no /etc/machine-id")
        before = Host(boot="before", machine=here.machine, folder="1:1")
        await WorkerRows(service.database).register("0" * 16, str(before), "b", "", MINUTE)
    await start(settings)


async def test_a_service_folder_that_cannot_be_made_is_said(tmp_path: Path, postgres_dsn: str) -> None:
    (tmp_path / "node0").write_text("not a folder")
    with pytest.raises(Refused, match="service folder") as refused:
        await start(node_of(tmp_path, 0, postgres_dsn))
    assert "storage.service_dir" in (refused.value.hint or "")


@pytest.fixture
def proxied_dsn(postgres_server: PostgresServer, postgres_dsn: str) -> Iterator[str]:
    """The database of `postgres_dsn`, through a pooling proxy."""
    with passable_folder() as folder, pgbouncer(postgres_server, folder / "pgbouncer") as port:
        yield postgres_dsn.replace(f":{postgres_server.port}/", f":{port}/")


async def test_behind_a_pooling_proxy_a_node_looks_at_its_rows(tmp_path: Path, proxied_dsn: str) -> None:
    await answers(proxied_dsn)
    async with AsyncExitStack() as stack:
        service = await opened(node_of(tmp_path, 0, proxied_dsn), stack)
        assert await addresses(service) == [POLLS]


async def test_behind_a_pooling_proxy_a_node_that_must_listen_says_why_it_cannot(
    tmp_path: Path, proxied_dsn: str
) -> None:
    await answers(proxied_dsn)
    with pytest.raises(Refused, match="a pooling proxy is in between") as refused:
        await start(node_of(tmp_path, 0, proxied_dsn, notify="listen"))
    assert "database.listen_url" in (refused.value.hint or "")


async def test_a_node_can_listen_past_its_pooling_proxy(
    tmp_path: Path, proxied_dsn: str, postgres_dsn: str
) -> None:
    await answers(proxied_dsn)
    async with AsyncExitStack() as stack:
        service = await opened(
            node_of(tmp_path, 0, proxied_dsn, notify="listen", listen_url=postgres_dsn), stack
        )
        assert await addresses(service) == [LISTENS]


async def test_a_node_may_be_told_to_look_at_its_rows(tmp_path: Path, postgres_dsn: str) -> None:
    async with AsyncExitStack() as stack:
        service = await opened(node_of(tmp_path, 0, postgres_dsn, notify="poll"), stack)
        assert await addresses(service) == [POLLS]
