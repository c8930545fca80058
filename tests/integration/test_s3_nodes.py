"""Nodes that share nothing but one Postgres and one bucket."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.checker import download
from tests.harness.cluster import cluster, restart_killed
from tests.harness.content import Content
from tests.harness.ledger import Tracked
from tests.harness.rows import fetch
from tests.harness.server import DidNotHappen, Server
from tests.harness.tus import Plan, TusClient
from tests.services.seaweedfs import Bucket

MIB = 1 << 20


@asynccontextmanager
async def nodes_on(bucket: Bucket, folder: Path, dsn: str, count: int) -> AsyncIterator[Sequence[Server]]:
    def storage(_: Path, number: int) -> Mapping[str, str]:
        return {**bucket.settings(), "storage.upload_dir": str(folder / f"node{number}" / "data")}

    async with cluster(folder, dsn, storage, count=count, settings={}) as made:
        yield made.nodes


def clients_of(nodes: Sequence[Server]) -> list[TusClient]:
    """One for each node, which all remember the same uploads."""
    first = TusClient(address=nodes[0].address)
    return [first, *(TusClient(address=node.address, ledger=first.ledger) for node in nodes[1:])]


def sha256(content: Content) -> str:
    digest = hashlib.sha256()
    for piece in content.slices(0, content.length):
        digest.update(piece)
    return digest.hexdigest()


async def is_as_sent(nodes: Sequence[Server], tracked: Tracked) -> None:
    """On every node."""
    for node in nodes:
        status, length, digest = await download(node.address, tracked.target)
        assert (status, length, digest) == (200, tracked.content.length, sha256(tracked.content))


async def test_every_request_may_meet_another_node(
    tmp_path: Path, bucket: Bucket, postgres_dsn: str, seed: int
) -> None:
    async with nodes_on(bucket, tmp_path, postgres_dsn, 3) as nodes:
        one, two, three = clients_of(nodes)
        tracked = await one.create(Content(seed=seed, length=21 * MIB))
        # Tails, parts, and a tail that another node takes into its part.
        for client, begin, end in ((two, 0, 3), (three, 3, 4), (one, 4, 13), (two, 13, 21)):
            answer = await client.patch(tracked, Plan.whole(begin * MIB, end * MIB))
            assert (answer.status, answer.offset) == (204, end * MIB)
        await is_as_sent(nodes, tracked)


async def test_a_writer_on_another_node_saves_and_lets_go(
    tmp_path: Path, bucket: Bucket, postgres_dsn: str, seed: int
) -> None:
    async with nodes_on(bucket, tmp_path, postgres_dsn, 2) as nodes:
        one, two = clients_of(nodes)
        tracked = await one.create(Content(seed=seed, length=30 * MIB))
        hanging = await one.patch_hanging(tracked, Plan(start=0, stop=30 * MIB, reach=10 * MIB))
        offset = await two.offset(tracked)
        assert 0 <= offset <= 10 * MIB
        await hanging.connection.close()
        await two.finish(tracked, step=30 * MIB)
        await is_as_sent(nodes, tracked)


async def test_a_node_that_is_killed_is_succeeded_by_another(
    tmp_path: Path, bucket: Bucket, postgres_dsn: str, seed: int
) -> None:
    async with nodes_on(bucket, tmp_path, postgres_dsn, 2) as nodes:
        one, two = clients_of(nodes)
        tracked = await one.create(Content(seed=seed, length=30 * MIB))
        assert (await one.patch(tracked, Plan.whole(0, 9 * MIB))).status == 204
        hanging = await one.patch_hanging(tracked, Plan(start=9 * MIB, stop=30 * MIB, reach=20 * MIB))
        await restart_killed(nodes[0])
        await hanging.connection.close()
        assert await two.offset(tracked) >= 9 * MIB
        await two.finish(tracked, step=30 * MIB)
        await is_as_sent(nodes, tracked)
        [row] = await fetch(nodes[0], "SELECT state FROM uploads")
        assert row["state"] == "stored"


async def test_a_node_with_another_prefix_is_refused_before_anything_was_uploaded(
    tmp_path: Path, bucket: Bucket, postgres_dsn: str
) -> None:
    async with nodes_on(bucket, tmp_path, postgres_dsn, 1) as (node,):
        mistyped = replace(bucket, prefix=f"{bucket.prefix}other/")
        (tmp_path / "mistyped").mkdir()
        other = Server(
            folder=tmp_path / "mistyped",
            database_url=postgres_dsn,
            settings={
                **node.settings,
                **mistyped.settings(),
                "storage.upload_dir": str(tmp_path / "mistyped"),
            },
        )
        try:
            with pytest.raises(DidNotHappen, match="tusd-identity"):
                await other.start()
        finally:
            await other.stop()
