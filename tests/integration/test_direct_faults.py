"""Uploads whose parts go to the store itself: death at each step, two who want other things, a store away."""

import asyncio
import json
import stat
from pathlib import Path

import pytest

from tests.crash import planted
from tests.harness.checker import fsck
from tests.harness.content import Content
from tests.harness.direct import Direct, begin_direct
from tests.harness.multipart import initiate
from tests.harness.rows import change, fetch
from tests.harness.server import Server
from tests.harness.wire import request
from tests.services.seaweedfs import Bucket, temporary_store

from .directly import MIB, THREE, came_back, has_begun, serving, settings, usage
from .test_multipart import PRE_FINISH, completed, problem, states, until_states
from .test_s3 import kept, until_empty, until_holds


@pytest.mark.parametrize(("digest", "database"), [(None, "SQLite"), ("sha-256", "Postgres")])
@pytest.mark.parametrize("bug", ["list and wait", "commit and wait", "complete and wait"])
async def test_kill_9_anywhere_on_the_way_to_the_file_makes_the_same_file(  # noqa: PLR0917 - fixtures
    tmp_path: Path,
    bucket: Bucket,
    seed: int,
    bug: str,
    digest: str | None,
    database: str,
    request: pytest.FixtureRequest,
) -> None:
    content = Content(seed=seed, length=THREE)
    url = request.getfixturevalue("postgres_dsn") if database == "Postgres" else ""
    server = Server(folder=tmp_path, settings=settings(bucket), database_url=url)
    async with server:
        direct = await begin_direct(server.address, file_size=content.length, digest=digest)
        await direct.send_parts(content)
        await server.stop()
        await _killed_at(server, bucket, direct, bug)
        if bug == "list and wait":
            assert await states(server) == {direct.id: "created"}
        else:
            # Nobody has to ask again.
            assert await states(server) == {direct.id: "completing"}
            await change(server, "UPDATE jobs SET due_at = 0, claimed_by = NULL, claimed_until = NULL")
        await server.start()
        if bug != "list and wait":
            await until_states(server, {direct.id: "stored"})
        await completed(direct)
        assert await came_back(direct, content)
        assert (await kept(bucket))[1] == []
        assert [one for one in await fsck(server) if one["problem"] != "no-row"] == []


async def _killed_at(server: Server, bucket: Bucket, direct: Direct, bug: str) -> None:
    """Its completion was asked for, and the server died behind that step."""
    server.environ = planted.environ(bug)
    await server.start()
    asking = asyncio.create_task(direct.complete())

    async def is_there() -> bool:
        (row,) = await fetch(server, "SELECT state, holder FROM uploads")
        if bug == "list and wait":
            return row["holder"] is not None
        if bug == "commit and wait":
            return bool(row["state"] == "completing")
        return len((await kept(bucket))[0]) == 1

    await until_holds(is_there, bug)
    await server.kill9()
    # Where it takes long, the answer does not wait for the file.
    await asyncio.gather(asking, return_exceptions=True)
    server.environ = {}


async def test_what_is_sent_after_the_commit_changes_nothing(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    """This store keeps what was committed, too."""
    content, other = Content(seed=seed, length=THREE), Content(seed=seed + 1, length=THREE)
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=content.length)
        urls = await direct.urls(direct.numbers)
        await direct.send_parts(content)
        await server.stop()
        await _killed_at(server, bucket, direct, "commit and wait")
        await urls[2].sent(direct.part_of(other, 2))
        await server.start()
        await completed(direct)
        assert await came_back(direct, content)
        assert (await urls[2].put(direct.part_of(other, 2))).status == 404


async def test_other_bytes_than_were_committed_are_refused(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    """As on a store that has only what came last."""
    content = Content(seed=seed, length=THREE)
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=content.length)
        await direct.send_parts(content)
        await server.stop()
        await _killed_at(server, bucket, direct, "commit and wait")
        await change(server, f"""UPDATE parts SET etag = '"{"0" * 32}"' WHERE part_no = 2""")
        await server.start()
        refused = await direct.complete()
        assert problem(refused) == (400, "ERR_INVALID_PART")
        assert b"part 2 is another one than when the upload was completed" in refused.body
        assert problem(await direct.complete()) == (410, "ERR_UPLOAD_NOT_FOUND")
        assert await states(server) == {direct.id: "refused"}
        told = await request(server.address, "GET", f"/api/v1/uploads/{direct.id}")
        assert json.loads(told.body)["status"] == "failed"
        await until_empty(bucket)


async def test_a_beginning_that_the_store_does_not_hear_of_leaves_nothing(tmp_path: Path) -> None:
    limits = {"quota.bytes": "10MiB", "s3.s3_retry_within": "500ms", "s3.s3_timeout": "1s"}
    with temporary_store() as store:
        async with serving(tmp_path, store.bucket("uploads"), also=limits) as server:
            store.kill()
            refused = await initiate(server.address, {"direct": True, "file_size": 6 * MIB})
            assert problem(refused) == (503, "ERR_UNAVAILABLE")
            assert "retry-after" in refused.headers
            assert [*(await states(server)).values()] == ["terminated"]
            assert await usage(server) == {"bytes": 0, "files": 0, "open_uploads": 0}


async def test_a_completion_that_the_store_does_not_hear_of_is_asked_for_again(
    tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=THREE)
    patience = {"s3.s3_retry_within": "500ms", "s3.s3_timeout": "1s"}
    with temporary_store() as store:
        async with serving(tmp_path, store.bucket("uploads"), also=patience) as server:
            direct = await begin_direct(server.address, file_size=content.length)
            await direct.send_parts(content)
            store.kill()
            refused = await direct.complete()
            assert problem(refused) == (503, "ERR_UNAVAILABLE")
            assert await states(server) == {direct.id: "created"}
            store.start()
            await completed(direct)
            assert await came_back(direct, content)


async def test_whichever_worker_is_asked(
    tmp_path: Path, bucket: Bucket, postgres_dsn: str, seed: int
) -> None:
    content = Content(seed=seed, length=THREE)
    server = Server(folder=tmp_path, settings=settings(bucket), database_url=postgres_dsn, workers=2)
    async with server:
        for digest in (None, "sha-256"):
            direct = await begin_direct(server.address, file_size=content.length, digest=digest)
            await direct.send_parts(content)
            answers = await asyncio.gather(*(direct.complete() for _ in range(6)))
            assert [answer.status for answer in answers] == [200] * 6
            assert await came_back(direct, content)
        rows = await fetch(server, "SELECT count(*) AS n FROM events WHERE kind = 'upload.completing'")
        assert rows[0]["n"] == 2
        gone = await begin_direct(server.address, file_size=content.length)
        await gone.send_parts(content, [1])
        assert (await gone.abort()).status == 204
        await until_holds(lambda: has_begun(bucket, 0), "what was given up is gone")


async def test_what_is_completed_while_it_is_given_up_is_a_file(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    """A hook is asked meanwhile, and takes its time."""
    content = Content(seed=seed, length=100)
    program = tmp_path / "hooks" / "pre-terminate"
    program.parent.mkdir()
    program.write_text(PRE_FINISH)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    go = tmp_path / "go"
    hooks = {"hooks.dir": str(program.parent), "hooks.enabled_events": "pre-terminate"}
    async with serving(tmp_path, bucket, also=hooks, environ={"WAITING": str(go)}) as server:
        direct = await begin_direct(server.address, file_size=content.length)
        await direct.send_parts(content)
        giving_up = asyncio.create_task(direct.abort())
        async with asyncio.timeout(20):
            while not go.with_suffix(".asked").exists():
                await asyncio.sleep(0.02)
        await completed(direct)
        go.touch()
        assert problem(await giving_up) == (404, "ERR_UPLOAD_NOT_FOUND")
        assert await came_back(direct, content)


async def test_completed_and_given_up_at_once_it_is_one_of_both(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    content = Content(seed=seed, length=100)
    async with serving(tmp_path, bucket) as server:
        for _ in range(5):
            direct = await begin_direct(server.address, file_size=content.length)
            await direct.send_parts(content)
            done, given_up = await asyncio.gather(direct.complete(), direct.abort())
            assert (done.status, given_up.status) in {(200, 404), (410, 204), (423, 204)}
            assert await came_back(direct, content) == (done.status == 200)
