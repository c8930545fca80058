"""The real program on a real object store: what becomes of uploads there, and what is left of them."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from yarl import URL

from protocol.headers import Headers
from protocol.tus.create import parse_create
from protocol.upload import Dialect, Transfer, UploadId
from storage_backends import base
from storage_backends.base import ObjectStore, Part
from storage_backends.s3 import S3Backend
from tests.harness.content import Content
from tests.harness.rows import fetch
from tests.harness.scanned import scanning_settings, send, until_verdict
from tests.harness.server import ROOT, Server
from tests.harness.suspects import Suspect
from tests.harness.tus import Plan, TusClient
from tests.harness.wire import request
from tests.services.clamd import ClamdServer
from tests.services.seaweedfs import Bucket
from tusd_py.access.identity import ANONYMOUS
from tusd_py.metadata.uploads import UploadRows
from tusd_py.metadata.writing import Advance
from tusd_py.uploads.body import write_body
from tusd_py.uploads.concatenate import concatenate
from tusd_py.uploads.context import Context
from tusd_py.uploads.create import create
from tusd_py.uploads.finish import finish
from tusd_py.uploads.terminate import terminate
from tusd_py.work.purge import purge

from .house import RULES, context_of, housekeeping_of, new_upload, row, working
from .test_uploads import Script

MIB = 1 << 20
CLEAN = Suspect(kind="clean", content=b"nothing is wrong here" * 1000, verdict="clean")


@asynccontextmanager
async def serving(folder: Path, bucket: Bucket, **more: str) -> AsyncIterator[tuple[Server, TusClient]]:
    named = {name.replace("__", "."): value for name, value in more.items()}
    async with Server(folder=folder, settings={**bucket.settings(), **named}) as server:
        yield server, TusClient(address=server.address)


async def downloaded(server: Server, target: str) -> bytes:
    answer = await request(server.address, "GET", target)
    assert answer.status == 200, answer.body
    return answer.body


async def is_there(server: Server, target: str) -> bool:
    return (await request(server.address, "GET", target)).status == 200


async def ran(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    command = server.command(*words)
    return await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


Kept = tuple[dict[str, int], list[str]]
"""Names with their sizes, and multipart uploads under way."""


@asynccontextmanager
async def looking(bucket: Bucket) -> AsyncIterator[Callable[[], Awaitable[Kept]]]:
    """What is in it, as often as one likes: a client costs much, a request little."""
    backend = S3Backend(bucket.options())
    await backend.open()

    async def look() -> Kept:
        names = {one.ref: one.size async for one in backend.list()}
        return names, [one.ref async for one in backend.unfinished()]

    try:
        assert isinstance(backend, ObjectStore)
        yield look
    finally:
        await backend.close()


@asynccontextmanager
async def behind_its_back(bucket: Bucket) -> AsyncIterator[S3Backend]:
    """What the server is not told of."""
    backend = S3Backend(bucket.options())
    await backend.open()
    try:
        yield backend
    finally:
        await backend.close()


async def kept(bucket: Bucket) -> Kept:
    async with looking(bucket) as look:
        return await look()


async def until_empty(bucket: Bucket) -> None:
    """Neither names nor multipart uploads."""
    async with looking(bucket) as look:

        async def is_empty() -> bool:
            return await look() == ({}, [])

        await until_holds(is_empty, "everything is gone")


async def until_holds(condition: Callable[[], Awaitable[bool]], what: str, within: float = 30.0) -> None:
    try:
        async with asyncio.timeout(within):
            while not await condition():
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"not within {within} s: {what}") from None


async def test_an_upload_comes_back_as_it_was_sent(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    """Sizes and how much of them each request has."""
    shapes = [(1, 1), (700_000, 100_000), (6 * MIB, MIB), (20 * MIB, 20 * MIB), (24 * MIB + 7, 5 * MIB + 1)]
    async with serving(tmp_path, bucket) as (server, client):
        for length, step in shapes:
            tracked = await client.create(Content(seed=seed, length=length))
            await client.finish(tracked, step=step)
            assert tracked.content.matches(0, await downloaded(server, tracked.target)), length
            half = ("Range", f"bytes={length // 2}-")
            answer = await request(server.address, "GET", tracked.target, [half])
            assert (answer.status, len(answer.body)) == (206, length - length // 2)
        names, unfinished = await kept(bucket)
        assert sorted(names.values()) == [length for length, _ in shapes]
        assert unfinished == []


async def test_many_small_requests_become_one_object(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    """6 MiB in 60 requests: tails that are merged, then taken into a part, then are gone."""
    async with (
        serving(tmp_path, bucket, s3__s3_part_size="5MiB") as (server, client),
        looking(bucket) as look,
    ):
        tracked = await client.create(Content(seed=seed, length=6 * MIB))
        most = 0
        for start in range(0, 6 * MIB, 110_000):
            await client.patch(tracked, Plan.whole(start, min(start + 110_000, 6 * MIB)))
            if start % 1_100_000 == 0:
                most = max(most, len((await look())[0]))
        assert most < 40
        assert tracked.content.matches(0, await downloaded(server, tracked.target))
        assert list((await look())[0].values()) == [6 * MIB]


async def test_a_length_declared_at_the_end_finishes_what_lies_in_tails(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    async with serving(tmp_path, bucket) as (server, client):
        for length in (1000, 9 * MIB):
            content = Content(seed=seed, length=length)
            tracked = await client.create(content, ("Upload-Defer-Length", "1"))
            await client.patch(tracked, Plan.whole(0, length - 100))
            await client.patch(tracked, Plan.whole(length - 100, length))
            declared = [
                ("Tus-Resumable", "1.0.0"),
                ("Upload-Offset", str(length)),
                ("Upload-Length", str(length)),
                ("Content-Type", "application/offset+octet-stream"),
                ("Content-Length", "0"),
            ]
            assert (await request(server.address, "PATCH", tracked.target, declared)).status == 204
            assert content.matches(0, await downloaded(server, tracked.target))


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    length = 40 * MIB
    async with serving(tmp_path, bucket, uploads__checkpoint_bytes="1MiB") as (server, client):
        tracked = await client.create(Content(seed=seed, length=length))
        await client.patch(tracked, Plan.whole(0, 3 * MIB))
        for _ in range(2):
            start = await client.offset(tracked)
            at = start + 9 * MIB
            hanging = await client.patch_hanging(tracked, Plan(start=start, stop=length, reach=at))
            while (await fetch(server, 'SELECT "offset" FROM uploads'))[0]["offset"] == start:
                # Bytes go on coming until a part was committed in the middle of the body, so slowly that its
                # end is far away even if the store takes its time.
                await hanging.connection.send(tracked.content.read(at, at + 10_000))
                at += 10_000
                await asyncio.sleep(0.01)
            tracked.sent = max(tracked.sent, at)
            await server.kill9()
            await hanging.connection.close()
            await server.start()
        await client.finish(tracked, step=length)
        assert tracked.content.matches(0, await downloaded(server, tracked.target))


async def test_rows_on_postgres_keep_the_parts(
    tmp_path: Path, bucket: Bucket, postgres_dsn: str, seed: int
) -> None:
    """Its types and locks: parts, tails that go, memory that is compared, a killed writer, finishing."""
    server = Server(folder=tmp_path, settings=bucket.settings(), database_url=postgres_dsn)
    async with server:
        client = TusClient(address=server.address)
        tracked = await client.create(Content(seed=seed, length=25 * MIB), ("Upload-Defer-Length", "1"))
        await client.patch(tracked, Plan.whole(0, 9 * MIB))
        await client.patch(tracked, Plan.whole(9 * MIB, 17 * MIB))
        hanging = await client.patch_hanging(tracked, Plan(start=17 * MIB, stop=25 * MIB, reach=18 * MIB))
        await server.kill9()
        await hanging.connection.close()
        await server.start()
        assert await client.offset(tracked) == 17 * MIB
        await client.patch(tracked, Plan.whole(17 * MIB, 25 * MIB), ("Upload-Length", str(25 * MIB)))
        assert tracked.content.matches(0, await downloaded(server, tracked.target))
        await client.delete(tracked)
        await until_empty(bucket)


async def test_deleting_an_upload_leaves_nothing(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    async with serving(tmp_path, bucket) as (_, client):
        begun = await client.create(Content(seed=seed, length=30 * MIB))
        await client.patch(begun, Plan.whole(0, 9 * MIB))
        done = await client.create(Content(seed=seed, length=10 * MIB))
        await client.finish(done, step=10 * MIB)
        names, unfinished = await kept(bucket)
        assert names
        assert unfinished
        await client.delete(begun)
        await client.delete(done)
        await until_empty(bucket)


async def test_an_upload_that_expires_leaves_nothing(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    more = {"uploads__expiry": "3s", "uploads__reap_interval": "500ms"}
    async with serving(tmp_path, bucket, **more) as (_, client):
        tracked = await client.create(Content(seed=seed, length=30 * MIB))
        await client.patch(tracked, Plan.whole(0, 9 * MIB))
        await until_empty(bucket)


async def test_the_sweep_aborts_what_no_row_names(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    async with serving(tmp_path, bucket, storage__sweep_interval="500ms") as (server, client):
        mine = await client.create(Content(seed=seed, length=30 * MIB))
        await client.patch(mine, Plan.whole(0, 9 * MIB))
        backend = S3Backend(bucket.options())
        await backend.open()
        key = (await fetch(server, "SELECT key FROM uploads"))[0]["key"]
        store = backend._store
        for ref in (f"{key}", f"anonymous/{'0' * 32}", f"anonymous/{'0' * 32}~wdead.1", "not-ours"):
            await store.control.create(store.key(ref), {}, None)
        await backend.close()

        async with looking(bucket) as look:

            async def only_mine() -> bool:
                return sorted((await look())[1]) == sorted([key, "not-ours"])

            await until_holds(only_mine, "what was given up is gone")
        await client.finish(mine, step=30 * MIB)
        assert mine.content.matches(0, await downloaded(server, mine.target))


async def test_partial_uploads_become_one(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    async with serving(tmp_path, bucket) as (server, client):
        for sizes in ((100, 200), (9 * MIB, 12 * MIB), (6 * MIB, 10, 3 * MIB, 7 * MIB)):
            partials = []
            for number, size in enumerate(sizes):
                content = Content(seed=seed + number, length=size)
                partials.append(await client.create(content, ("Upload-Concat", "partial")))
                await client.finish(partials[-1], step=8 * MIB)
            urls = " ".join(one.target for one in partials)
            headers = [("Tus-Resumable", "1.0.0"), ("Upload-Concat", f"final;{urls}")]
            final = await request(server.address, "POST", "/files/", headers)
            target = urlsplit(final.headers["location"]).path
            await until_holds(partial(is_there, server, target), "the final is there")
            whole = b"".join(one.content.read(0, one.content.length) for one in partials)
            assert await downloaded(server, target) == whole, sizes


async def test_partials_deleted_before_they_were_objects_still_become_one_and_leave_nothing(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    """In pieces that were kept for themselves, and in parts."""
    backend = S3Backend(bucket.options())
    await backend.open()
    async with working(tmp_path) as worker:
        context = context_of(worker, backend)
        contents = [Content(seed=seed + size, length=size) for size in (600, 12 * MIB)]
        partials = []
        for _ in contents:
            asked = Headers([("Upload-Concat", "partial"), ("Upload-Defer-Length", "1")])
            creation = parse_create(asked, replace(RULES.features, concatenation=True))
            partials.append((await create(context, ANONYMOUS, creation, Script())).upload.id)
        urls = " ".join(f"/files/{one}" for one in partials)
        asked = Headers([("Upload-Concat", f"final;{urls}")])
        creation = parse_create(asked, replace(RULES.features, concatenation=True))
        final = (await concatenate(context, ANONYMOUS, creation, partials)).upload
        for one, content in zip(partials, contents, strict=True):
            middle = content.length // 2
            await unfinished(context, one, content.read(0, middle))
            await unfinished(context, one, content.read(middle, content.length))
            await unfinished(context, one, b"", declared=content.length)
            await terminate(context, ANONYMOUS, one, Dialect.TUS)
        readied = await row(worker, final.id)
        assert readied.state is Transfer.COMPLETING
        stored = await finish(context, readied)
        for one in partials:
            await purge(backend, housekeeping_of(worker), one)
        whole = b"".join([block async for block in backend.read(stored.ref, 0, stored.length or 0)])
        assert whole == b"".join(content.read(0, content.length) for content in contents)
        assert await kept(bucket) == ({stored.ref: len(whole)}, [])
    await backend.close()


async def unfinished(
    context: Context, upload_id: UploadId, piece: bytes, *, declared: int | None = None
) -> None:
    """Bytes of a request whose process dies before it makes an object of them."""
    async with context.leases.acquire(upload_id, patience=1.0) as lease:
        await write_body(
            context,
            ANONYMOUS,
            lease,
            Script(piece),
            declared=declared,
            room=None,
            expected=len(piece),
            proof=None,
        )


async def test_a_multipart_upload_that_was_aborted_behind_us_is_lost(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    async with serving(tmp_path, bucket) as (server, client):
        tracked = await client.create(Content(seed=seed, length=30 * MIB))
        await client.patch(tracked, Plan.whole(0, 9 * MIB))
        backend = S3Backend(bucket.options())
        await backend.open()
        async for begun in backend.unfinished():
            await backend.abort(begun)
        await backend.close()
        found = await ran(server, "fsck", "--json")
        assert [json.loads(line)["problem"] for line in found.stdout.splitlines()] == ["bytes-missing"]
        answer = await client.patch(tracked, Plan.whole(9 * MIB, 30 * MIB))
        assert answer.status == 410
        assert (await client.head(tracked)).status == 410


async def test_two_installations_cannot_share_a_prefix(tmp_path: Path, bucket: Bucket) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    async with serving(tmp_path / "one", bucket):
        other = Server(folder=tmp_path / "other", settings=bucket.settings())
        asked = await ran(other, "serve")
        checked = await ran(other, "fsck", "--repair")
    assert asked.returncode != 0
    assert "the store belongs to the installation" in asked.stderr
    assert checked.returncode != 0
    assert "the bytes to" in checked.stderr


async def test_rows_of_uploads_are_not_served_with_a_bucket_that_lacks_their_mark(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    async with serving(tmp_path, bucket) as (server, client):
        tracked = await client.create(Content(seed=seed, length=1000))
        assert (await client.patch(tracked, Plan.whole(0, 400))).status == 204
    mistyped = replace(bucket, prefix=f"{bucket.prefix}other/")
    refused = await ran(replace(server, settings=mistyped.settings()), "serve")
    assert refused.returncode != 0
    assert "tusd-identity" in refused.stderr
    async with behind_its_back(mistyped) as elsewhere:
        assert await elsewhere.owner() is None
    async with serving(tmp_path, bucket) as (_, client_again):
        again = replace(client_again, ledger=client.ledger)
        await again.finish(tracked, step=1000)


async def test_rows_without_an_upload_take_a_new_bucket(tmp_path: Path, bucket: Bucket) -> None:
    moved = replace(bucket, prefix=f"{bucket.prefix}other/")
    async with serving(tmp_path, bucket):
        pass
    async with serving(tmp_path, moved) as (server, _):
        assert (await ran(server, "fsck")).returncode == 0


async def test_a_download_can_be_sent_to_the_store(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    metadata = ("Upload-Metadata", "filename w6kudHh0,filetype dGV4dC9odG1s")
    async with serving(tmp_path, bucket, s3__s3_download="redirect") as (server, client):
        tracked = await client.create(Content(seed=seed, length=10 * MIB), metadata)
        await client.finish(tracked, step=10 * MIB)
        sent = await request(server.address, "GET", tracked.target)
        assert sent.status == 302
        assert sent.headers["cache-control"] == "no-store"
        link = sent.headers["location"]
        assert "X-Amz-Expires=300" in link
        async with aiohttp.ClientSession() as session:
            async with session.get(URL(link, encoded=True)) as answer:
                assert answer.status == 200
                assert tracked.content.matches(0, await answer.read())
                assert answer.headers["Content-Type"] == "application/octet-stream"
                assert answer.headers["Content-Disposition"].startswith("attachment;")
            tampered = re.sub(
                "Signature=(.)", lambda found: f"Signature={'1' if found[1] == '0' else '0'}", link
            )
            async with session.get(URL(tampered, encoded=True)) as answer:
                assert answer.status == 403
        (row,) = await fetch(server, "SELECT file_id FROM versions")
        told = await request(server.address, "GET", f"/api/v1/files/{row['file_id']}/url")
        assert "X-Amz-Expires=300" in json.loads(told.body)["url"]
        # A URL of the store can be used again, so a link with a limit gives none.
        for wanted, status in ((b"{}", 302), (b'{"max_uses": 1}', 200), (b'{"max_uses": 1}', 200)):
            json_body = [("Content-Type", "application/json")]
            links = f"/api/v1/files/{row['file_id']}/links"
            made = json.loads((await request(server.address, "POST", links, json_body, wanted)).body)
            shared = await request(server.address, "GET", URL(made["url"]).path)
            assert shared.status == status
            assert status == 302 or tracked.content.matches(0, shared.body)


async def test_a_url_of_the_store_is_given_for_the_scanned_bytes_only(
    tmp_path: Path, bucket: Bucket, clamd_server: ClamdServer
) -> None:
    scanning = {
        name.replace(".", "__"): value for name, value in scanning_settings(clamd_server.socket).items()
    }
    async with (
        serving(tmp_path, bucket, s3__s3_download="redirect", **scanning) as (server, _),
        behind_its_back(bucket) as backend,
    ):
        for is_asked_first in ("a download", "a url"):
            sent = await send(server, CLEAN)
            row = await until_verdict(server, sent, "clean")
            targets = [sent.target, f"/api/v1/files/{row['file_id']}/url"]
            if is_asked_first == "a url":
                targets.reverse()
            assert {(await request(server.address, "GET", one)).status for one in targets} == {200, 302}
            other = b"N" + CLEAN.content[1:]
            await backend._store.put(row["ref"], [other], base.About(upload_id=sent.id))
            answer = await request(server.address, "GET", targets[0])
            assert (answer.status, answer.headers["retry-after"]) == (409, "5"), is_asked_first
            await until_verdict(server, sent, "unscannable")
            assert [(await request(server.address, "GET", one)).status for one in targets] == [403, 403]


@pytest.mark.parametrize("is_scanned", [False, True])
async def test_no_url_of_the_store_is_given_for_what_is_gone(
    tmp_path: Path, bucket: Bucket, clamd_server: ClamdServer, is_scanned: bool
) -> None:
    settings = scanning_settings(clamd_server.socket) if is_scanned else {}
    more = {name.replace(".", "__"): value for name, value in settings.items()}
    async with (
        serving(tmp_path, bucket, s3__s3_download="redirect", **more) as (server, _),
        behind_its_back(bucket) as backend,
    ):
        sent = await send(server, CLEAN)
        row = await until_verdict(server, sent, "clean" if is_scanned else "unknown")
        await backend.delete([row["ref"]])
        for target in (sent.target, f"/file/{row['file_id']}", f"/api/v1/files/{row['file_id']}/url"):
            assert (await request(server.address, "GET", target)).status == 503, target


async def test_a_take_over_by_force_begins_no_segment_and_fences_the_memory(tmp_path: Path) -> None:
    async with working(tmp_path) as worker:
        rows = UploadRows(worker.database, worker.rows.author, segmented=False)
        upload = await rows.create(new_upload(100), actor="test")
        held = await rows.acquire(upload.id)
        assert held is not None
        seized = await rows.seize(held)
        assert seized is not None
        assert (seized.epoch, seized.ref, seized.ref_offset) == (held.epoch + 1, upload.key, 0)
        assert await rows.advance(Advance(upload=held, offset=5, synced=True), actor="test") is None
        assert not await rows.kept.remember(held, '{"next_part": 9}', instead_of="{}")
        assert await rows.kept.remember(seized, '{"next_part": 17}', instead_of="{}")
        tail = Part(part_no=-1, offset=0, length=5, ref=f"{upload.key}~w1.1")
        moved = await rows.advance(Advance(upload=seized, offset=5, synced=True, parts=(tail,)), actor="test")
        assert moved is not None
        part = Part(part_no=9, offset=0, length=50, ref=upload.key, etag="e", digest="d")
        await rows.advance(
            Advance(upload=moved, offset=50, synced=True, parts=(part,), dropped=(tail,)), actor="test"
        )
        assert await rows.kept.parts(upload.id) == [part]
        kept_now = await rows.kept.find(upload.id)
        assert kept_now == base.Kept(memory='{"next_part": 17}', parted=50, tails=())
