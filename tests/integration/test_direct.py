"""Uploads whose parts go to the store itself (docs/multipart.md), with the real program and a real store."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from storage_backends.base import StorageError
from tests.harness.checker import fsck
from tests.harness.content import Content
from tests.harness.direct import Direct, begin_direct
from tests.harness.rows import change, fetch
from tests.harness.wire import request
from tests.services.seaweedfs import Bucket

from .directly import MIB, RESUMABLE, THREE, came_back, has_begun, head, serving
from .test_multipart import completed, events_of, problem, states, until_states
from .test_s3 import behind_its_back, kept, until_empty, until_holds


# --- the whole way
@pytest.mark.parametrize("digest", [None, "sha-256"])
async def test_parts_go_to_the_store_and_become_a_file(
    tmp_path: Path, bucket: Bucket, seed: int, digest: str | None
) -> None:
    content = Content(seed=seed, length=THREE)
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(
            server.address,
            filename="día.txt",
            filetype="text/plain",
            file_size=content.length,
            metadata={"path": "a/b.txt"},
            digest=digest,
        )
        assert (direct.said["part_size"], direct.said["part_count"]) == (5 * MIB, 3)
        assert (direct.said["direct"], direct.said["digest"]) == (True, digest)
        assert direct.said["expires_at"] is not None
        assert (await head(direct)).headers["upload-length"] == str(content.length)
        # In any order.
        await direct.send_parts(content, [3, 1, 2])
        told = await head(direct)
        assert (told.offset, "upload-expires" in told.headers) == (0, True)
        assert [(number, size) for number, size, _ in await direct.parts()] == [
            (1, 5 * MIB),
            (2, 5 * MIB),
            (3, 2 * MIB),
        ]
        said = await completed(direct)
        assert (said["state"], said["kind"], said["offset"]) == ("stored", "whole", content.length)
        assert await came_back(direct, content)
        assert (await head(direct)).offset == content.length
        file = json.loads((await request(server.address, "GET", f"/api/v1/files/{said['file_id']}")).body)
        assert (file["path"], file["filename"], file["file_size"]) == ("a/b.txt", "día.txt", content.length)
        # An answer may be lost; and nothing more can be added.
        assert json.loads((await direct.complete()).body)["file_id"] == said["file_id"]
        assert problem(await direct.show()) == (404, "ERR_UPLOAD_NOT_FOUND")
        assert problem(await direct.ask({"parts": [1]})) == (404, "ERR_UPLOAD_NOT_FOUND")
        assert problem(await direct.abort()) == (404, "ERR_UPLOAD_NOT_FOUND")
        assert len((await kept(bucket))[0]) == 1
        assert await fsck(server) == []
        assert "upload.stored" in await events_of(server, direct.id)
        assert (await request(server.address, "DELETE", direct.file, [RESUMABLE])).status == 204
        await until_empty(bucket)


async def test_one_part_of_one_byte_will_do(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    content = Content(seed=seed, length=1)
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=1)
        assert [*direct.numbers] == [1]
        await direct.send_parts(content)
        await completed(direct)
        assert await came_back(direct, content)


async def test_whoever_lost_everything_but_the_id_goes_on(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    content = Content(seed=seed, length=THREE)
    async with serving(tmp_path, bucket) as server:
        begun = await begin_direct(server.address, file_size=content.length)
        await begun.send_parts(content, [2])
        found = json.loads((await begun.show()).body)
        again = Direct(address=server.address, id=begun.id, said=found)
        there = {part["part_number"] for part in found["parts"]}
        assert there == {2}
        await again.send_parts(content, set(again.numbers) - there)
        await completed(again)
        assert await came_back(again, content)


async def test_parts_are_told_in_pages(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    content = Content(seed=seed, length=THREE)
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=content.length)
        await direct.send_parts(content)
        first = json.loads((await direct.show("?limit=2")).body)
        assert ([part["part_number"] for part in first["parts"]], first["next"]) == ([1, 2], 2)
        rest = json.loads((await direct.show("?limit=2&after=2")).body)
        assert ([part["part_number"] for part in rest["parts"]], rest["next"]) == ([3], None)


# --- what a URL is good for
async def test_the_store_takes_exactly_what_a_url_says(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    content = Content(seed=seed, length=THREE)
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=content.length)
        urls = await direct.urls([1, 3])
        for number, size in ((1, 5 * MIB - 1), (1, 5 * MIB + 1), (3, 5 * MIB), (3, 1)):
            assert (await urls[number].put(bytes(size))).status == 403
        # Another number, and another object in the place of the body.
        last = direct.part_of(content, 3)
        assert (
            await replace(urls[3], url=urls[3].url.replace("partNumber=3", "partNumber=2")).put(last)
        ).status == 403
        copied = replace(
            urls[3], headers=(("x-amz-copy-source", f"{bucket.name}/{bucket.prefix}tusd-identity"),)
        )
        assert (await copied.put(last)).status == 403
        assert await direct.parts() == []
        await urls[3].sent(last)
        assert [number for number, _, _ in await direct.parts()] == [3]


async def test_the_store_holds_a_part_to_its_digest(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    content = Content(seed=seed, length=THREE)
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=content.length, digest="sha-256")
        part = direct.part_of(content, 3)
        urls = await direct.urls({3: part})
        (row,) = await fetch(server, "SELECT ref, storage FROM uploads")
        async with behind_its_back(bucket) as backend:
            # The store's own upload was begun so: it takes no part that comes with something else.
            with pytest.raises(StorageError, match="InvalidRequest"):
                await backend._store.put_part(
                    row["ref"], json.loads(row["storage"])["multipart"], 3, [part], offset=0
                )
        assert (await urls[3].put(bytes(len(part)))).status == 400
        assert await direct.parts() == []
        await urls[3].sent(part)
        # A number has one digest, so whoever has a URL can only send the same again.
        refused = await direct.ask({"digests": {"3": "A" * 43 + "="}})
        assert problem(refused) == (400, "ERR_INVALID_PART")
        assert b"part 3 was asked for with the digest" in refused.body
        assert await direct.urls({3: part})


async def test_a_url_is_good_for_a_while_only(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    content = Content(seed=seed, length=100)
    async with serving(tmp_path, bucket, s3_direct_expiry="1s") as server:
        direct = await begin_direct(server.address, file_size=content.length)
        urls = await direct.urls([1])

        async def is_over() -> bool:
            return (await urls[1].put(content.read(0, 100))).status == 403

        await until_holds(is_over, "the URL is over")
        await (await direct.urls([1]))[1].sent(content.read(0, 100))


async def test_urls_are_in_no_log_and_no_cache(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    content = Content(seed=seed, length=100)
    async with serving(tmp_path, bucket, also={"log.level": "debug"}) as server:
        direct = await begin_direct(server.address, file_size=content.length)
        answer = await direct.ask({"parts": [1]})
        assert answer.headers["cache-control"] == "no-store"
        assert b"X-Amz-Expires=900" in answer.body
        await direct.send_parts(content)
        await completed(direct)
        url = (await (await begin_direct(server.address, file_size=1)).urls([1]))[1].url
        before, _, signature = url.rpartition("=")
        assert before.endswith("X-Amz-Signature")
        assert signature not in server.log
        assert "X-Amz-Signature=" not in server.log


async def test_asking_for_urls_keeps_it_alive(tmp_path: Path, bucket: Bucket) -> None:
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=1)
        before = direct.said["expires_at"]
        await direct.urls([1])
        assert json.loads((await direct.show()).body)["expires_at"] > before


# --- what is left
async def test_what_is_given_up_or_expires_leaves_nothing(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    content = Content(seed=seed, length=THREE)
    async with serving(tmp_path, bucket) as server:
        given_up = await begin_direct(server.address, file_size=content.length)
        await given_up.send_parts(content, [1, 2])
        url = (await given_up.urls([3]))[3]
        assert (await given_up.abort()).status == 204
        assert problem(await given_up.show()) == (410, "ERR_UPLOAD_NOT_FOUND")
        await until_empty(bucket)
        # A URL that is still good is good for nothing.
        assert (await url.put(given_up.part_of(content, 3))).status == 404
        late = await begin_direct(server.address, file_size=content.length)
        await late.send_parts(content, [1])
        await server.stop()
        await change(server, f"UPDATE uploads SET expires_at = 1 WHERE id = '{late.id}'")
        await server.start()
        await until_states(server, {late.id: "expired"})
        await until_empty(bucket)
        assert problem(await late.complete()) == (410, "ERR_UPLOAD_NOT_FOUND")
        assert await fsck(server) == []


async def test_what_was_aborted_behind_us_is_gone(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    content = Content(seed=seed, length=100)
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=content.length)
        await direct.send_parts(content)
        async with behind_its_back(bucket) as backend:
            async for begun in backend.unfinished():
                await backend.abort(begun)
        assert problem(await direct.show()) == (410, "ERR_UPLOAD_NOT_FOUND")
        assert problem(await direct.complete()) == (410, "ERR_UPLOAD_NOT_FOUND")
        assert await states(server) == {direct.id: "refused"}
        assert await fsck(server) == []


async def test_the_sweep_leaves_it_alone(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    content = Content(seed=seed, length=100)
    async with serving(tmp_path, bucket, also={"storage.sweep_interval": "0.5s"}) as server:
        direct = await begin_direct(server.address, file_size=content.length)
        async with behind_its_back(bucket) as backend:
            store = backend._store
            await store.control.create(store.key("ff/2026/01/01/" + "f" * 32), {}, None)
        await until_holds(lambda: has_begun(bucket, 1), "the sweep was here")
        await direct.send_parts(content)
        await completed(direct)
        assert await came_back(direct, content)
