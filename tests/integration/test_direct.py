"""Uploads whose parts go to the store itself (docs/multipart.md), with the real program and a real store."""

import asyncio
import json
import re
import secrets
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from storage_backends.base import StorageError
from tests.access.issuer import bearer, jwt_settings, token
from tests.crash import planted
from tests.harness.checker import download, fsck
from tests.harness.content import Content
from tests.harness.direct import Direct, begin_direct
from tests.harness.multipart import begin, initiate
from tests.harness.rows import change, fetch
from tests.harness.scanned import Sent, scanning_settings, until_verdict
from tests.harness.server import ROOT, Server
from tests.harness.suspects import Suspect
from tests.harness.wire import Answer, request
from tests.services.clamd import ClamdServer
from tests.services.seaweedfs import Bucket, SeaweedServer, temporary_store
from tusd_py.scanning.specimens import EICAR

from .test_admission import HTML, PNG
from .test_hooks import HookReceiver, settings_for
from .test_multipart import PRE_FINISH, completed, events_of, problem, states, until_states
from .test_s3 import behind_its_back, kept, until_empty, until_holds

MIB = 1 << 20
RESUMABLE = ("Tus-Resumable", "1.0.0")
QUICK = {"uploads.reap_interval": "0.2s"}
THREE = 12 * MIB
"""Bytes of three parts, the last of which is shorter."""


def settings(bucket: Bucket, **more: str) -> dict[str, str]:
    return {**bucket.settings(s3_direct="true", s3_part_size="5MiB", **more), **QUICK}


@asynccontextmanager
async def serving(
    folder: Path,
    bucket: Bucket,
    also: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    **more: str,
) -> AsyncIterator[Server]:
    """`also` are other settings than those of S3."""
    chosen = settings(bucket, **more) | dict(also or {})
    async with Server(folder=folder, settings=chosen, environ=dict(environ or {})) as server:
        yield server


async def came_back(direct: Direct, content: Content) -> bool:
    return await download(direct.address, direct.file) == (200, content.length, content.sha256())


async def head(direct: Direct) -> Answer:
    return await request(direct.address, "HEAD", direct.file, [RESUMABLE])


async def usage(server: Server) -> object:
    return json.loads((await request(server.address, "GET", "/api/v1/me")).body)["usage"]


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


# --- what is refused


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"direct": True}, "file_size is not there"),
        ({"direct": True, "file_size": 0}, "file_size is 0"),
        ({"direct": "yes", "file_size": 5}, "direct is 'yes'"),
        ({"direct": True, "file_size": 5, "digest": "md5"}, "digest is 'md5', wanted 'sha-256'"),
        ({"file_size": 5, "digest": "sha-256"}, "digest is said without direct"),
    ],
)
async def test_a_beginning_that_is_wrong_is_told_what_is(
    tmp_path: Path, said: Mapping[str, object], named: str
) -> None:
    async with Server(folder=tmp_path) as server:
        refused = await initiate(server.address, said)
        assert problem(refused) == (400, "ERR_INVALID_BODY")
        assert named in json.loads(refused.body)["detail"]


async def test_requests_for_urls_that_are_wrong_are_told_what_is(tmp_path: Path, bucket: Bucket) -> None:
    wrong = [
        ({}, "ERR_INVALID_BODY", "wanted either parts"),
        ({"parts": [1], "digests": {"1": "x"}}, "ERR_INVALID_BODY", "wanted either parts"),
        ({"parts": []}, "ERR_INVALID_BODY", "a list of 1 to 100 numbers"),
        ({"parts": [*range(1, 102)]}, "ERR_INVALID_BODY", "a list of 1 to 100 numbers"),
        ({"parts": ["1"]}, "ERR_INVALID_BODY", "in parts there is '1'"),
        ({"parts": [True]}, "ERR_INVALID_BODY", "in parts there is 'True'"),
        ({"parts": [0]}, "ERR_INVALID_PART", "the part number is 0, wanted 1 to 3"),
        ({"parts": [1, 4]}, "ERR_INVALID_PART", "the part number is 4, wanted 1 to 3"),
        ({"digests": {"01": "x"}}, "ERR_INVALID_BODY", "in digests there is '01'"),
        ({"digests": {"1": "x"}}, "ERR_INVALID_BODY", "wanted a sha-256 in base64"),
        ({"digests": {"1": None}}, "ERR_INVALID_BODY", "wanted a sha-256 in base64"),
        ({"digests": {"1": "A" * 43 + "="}}, "ERR_INVALID_PART", "begun without: say parts"),
        ({"more": 1}, "ERR_INVALID_BODY", "'more' is unknown"),
    ]
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=THREE)
        for said, code, named in wrong:
            refused = await direct.ask(said)
            assert problem(refused) == (400, code), said
            assert named in json.loads(refused.body)["detail"], said
        proven = await begin_direct(server.address, file_size=THREE, digest="sha-256")
        refused = await proven.ask({"parts": [1]})
        assert problem(refused) == (400, "ERR_INVALID_PART")
        assert "say digests" in json.loads(refused.body)["detail"]


async def test_completion_says_which_part_is_missing_and_changes_nothing(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    content = Content(seed=seed, length=THREE)
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=content.length)
        etags = await direct.send_parts(content, [1, 3])
        wrong: list[tuple[dict[int, str] | None, str]] = [
            (None, "part 2 is not in the store"),
            (etags, "part 2 is not in the list"),
            ({**etags, 2: "x"}, "part 2 is not in the store with the etag 'x'"),
            ({**etags, 2: "x", 4: "y"}, "part 4 is in the list, and there are 3 parts"),
        ]
        for named, reason in wrong:
            refused = await direct.complete(named)
            assert problem(refused) == (400, "ERR_INVALID_PART")
            assert reason in json.loads(refused.body)["detail"]
        assert (await head(direct)).offset == 0
        etags |= await direct.send_parts(content, [2])
        refused = await direct.complete({**etags, 2: "0" * 32})
        assert b"part 2 is not in the store with the etag" in refused.body
        assert (await direct.complete(etags)).status == 200
        assert await came_back(direct, content)


async def test_a_part_of_another_size_is_not_taken(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    """No URL of ours is good for one: somebody else put it there."""
    content = Content(seed=seed, length=THREE)
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=content.length)
        await direct.send_parts(content, [1, 2])
        (row,) = await fetch(server, "SELECT ref, storage FROM uploads")
        async with behind_its_back(bucket) as backend:
            multipart = json.loads(row["storage"])["multipart"]
            await backend._store.put_part(row["ref"], multipart, 3, [b"x" * 1000], offset=0)
        assert [number for number, _, _ in await direct.parts()] == [1, 2]
        refused = await direct.complete()
        assert problem(refused) == (400, "ERR_INVALID_PART")
        assert b"part 3 has 1000 bytes, wanted 2097152" in refused.body


async def test_what_was_sent_twice_is_what_came_last_or_what_is_named(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    """This store keeps all of them."""
    content, other = Content(seed=seed, length=THREE), Content(seed=seed + 1, length=THREE)
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=content.length)
        first = await direct.send_parts(content)
        await direct.send_parts(other)
        assert (await direct.complete(first)).status == 200
        assert await came_back(direct, content)


async def test_other_requests_to_it_are_told_where_its_parts_go(tmp_path: Path, bucket: Bucket) -> None:
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=5)
        patch = [RESUMABLE, ("Upload-Offset", "0"), ("Content-Type", "application/offset+octet-stream")]
        refused = await request(server.address, "PATCH", direct.file, patch, b"hello")
        assert (refused.status, refused.body.split(b":")[0]) == (403, b"ERR_DIRECT_UPLOAD")
        ietf = [("Upload-Offset", "0"), ("Upload-Draft-Interop-Version", "8"), ("Upload-Complete", "?1")]
        ietf.append(("Content-Type", "application/partial-upload"))
        refused = await request(server.address, "PATCH", direct.file, ietf, b"hello")
        assert (refused.status, b"/urls" in refused.body) == (403, True)
        assert problem(await direct.put(1, b"hello")) == (403, "ERR_DIRECT_UPLOAD")
        concat = [RESUMABLE, ("Upload-Concat", f"final;{direct.file}")]
        assert (await request(server.address, "POST", "/files/", concat)).status == 400
        assert (await head(direct)).offset == 0
        multipart = await begin(server.address)
        asked = await Direct(address=server.address, id=multipart.id, said={}).ask({"parts": [1]})
        assert problem(asked) == (400, "ERR_NO_DIRECT_UPLOAD")
        # tus may end it, as any upload.
        assert (await request(server.address, "DELETE", direct.file, [RESUMABLE])).status == 204
        assert problem(await direct.complete()) == (410, "ERR_UPLOAD_NOT_FOUND")


async def test_it_is_offered_only_where_it_is_switched_on_and_there_is_a_bucket(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    said = {"direct": True, "file_size": 5}
    (tmp_path / "disk").mkdir()
    (tmp_path / "s3").mkdir()
    async with Server(folder=tmp_path / "disk") as server:
        refused = await initiate(server.address, said)
        assert problem(refused) == (400, "ERR_NO_DIRECT_UPLOAD")
        assert "files are not kept in a bucket here" in json.loads(refused.body)["detail"]
    content = Content(seed=seed, length=100)
    async with serving(tmp_path / "s3", bucket) as server:
        begun = await begin_direct(server.address, file_size=content.length)
        await begun.send_parts(content)
        unsent = await begin_direct(server.address, file_size=content.length)
        await server.stop()
        server.settings = {**server.settings, "s3.s3_direct": "false"}
        await server.start()
        refused = await initiate(server.address, said)
        assert problem(refused) == (400, "ERR_NO_DIRECT_UPLOAD")
        assert "s3.s3_direct is off" in json.loads(refused.body)["detail"]
        # What was begun before may end; no URL is given out for it.
        assert problem(await unsent.ask({"parts": [1]})) == (400, "ERR_NO_DIRECT_UPLOAD")
        assert (await unsent.abort()).status == 204
        await completed(begun)
        assert await came_back(begun, content)


async def test_a_store_without_sha256_says_so(tmp_path: Path, bucket: Bucket) -> None:
    async with serving(tmp_path, bucket, s3_provider="ceph") as server:
        refused = await initiate(server.address, {"direct": True, "file_size": 5, "digest": "sha-256"})
        assert problem(refused) == (400, "ERR_NO_DIRECT_UPLOAD")
        assert (await kept(bucket))[1] == []
        await begin_direct(server.address, file_size=5)


# --- whose it is, and what it may be


async def test_nobody_else_finds_it(tmp_path: Path, bucket: Bucket) -> None:
    def of(name: str, scope: str = "upload read") -> tuple[tuple[str, str], ...]:
        return (bearer(token(sub=name, tenant="acme", scope=scope)),)

    async with serving(tmp_path, bucket, also=jwt_settings(tmp_path)) as server:
        direct = await begin_direct(server.address, of("ann"), file_size=5)
        theirs = Direct(address=server.address, id=direct.id, said=direct.said, headers=of("bob"))
        never = Direct(address=server.address, id="0" * 32, said={}, headers=of("bob"))
        for one in (theirs, never):
            asked = [await one.show(), await one.ask({"parts": [1]}), await one.complete()]
            asked += [await one.abort(), await one.put(1, b"hello")]
            assert [problem(answer) for answer in asked] == [(404, "ERR_UPLOAD_NOT_FOUND")] * 5
        nobody = Direct(address=server.address, id=direct.id, said={})
        assert [(await nobody.show()).status, (await nobody.ask({"parts": [1]})).status] == [401, 401]
        assert (await direct.show()).status == 200
        assert (await direct.ask({"parts": [1]})).status == 200


async def test_its_bytes_are_reserved_from_the_beginning_and_given_back(
    tmp_path: Path, bucket: Bucket
) -> None:
    limits = {"quota.bytes": "10MiB", "quota.open_uploads": "2"}
    async with serving(tmp_path, bucket, also=limits) as server:
        direct = await begin_direct(server.address, file_size=6 * MIB)
        assert await usage(server) == {"bytes": 6 * MIB, "files": 1, "open_uploads": 1}
        refused = await initiate(server.address, {"direct": True, "file_size": 6 * MIB})
        assert problem(refused) == (413, "ERR_QUOTA_EXCEEDED")
        assert len((await kept(bucket))[1]) == 1
        assert (await direct.abort()).status == 204
        assert await usage(server) == {"bytes": 0, "files": 0, "open_uploads": 0}
        await until_empty(bucket)


async def test_limits_hold_before_anything_is_begun(tmp_path: Path, bucket: Bucket) -> None:
    limits = {"uploads.max_size": "10MiB", "limits.types_denied": '["text/html"]'}
    async with serving(tmp_path, bucket, also=limits) as server:
        refused = await initiate(server.address, {"direct": True, "file_size": 11 * MIB})
        assert problem(refused) == (413, "ERR_MAX_SIZE_EXCEEDED")
        refused = await initiate(server.address, {"direct": True, "file_size": 5, "filetype": "text/html"})
        assert problem(refused) == (415, "ERR_TYPE_NOT_ALLOWED")
        assert await kept(bucket) == ({}, [])


async def test_a_type_is_judged_by_the_bytes_before_there_is_a_file(tmp_path: Path, bucket: Bucket) -> None:
    limits = {"limits.types_allowed": '["image/*"]', "limits.check_content": "true"}
    async with serving(tmp_path, bucket, also=limits) as server:
        for content, status in ((PNG, 200), (HTML, 415)):
            direct = await begin_direct(server.address, file_size=len(content), filetype="image/png")
            await (await direct.urls([1]))[1].sent(content)
            answer = await direct.complete()
            assert answer.status == status, answer.body
        assert problem(answer) == (415, "ERR_TYPE_NOT_ALLOWED")
        assert problem(await direct.complete()) == (410, "ERR_UPLOAD_NOT_FOUND")
        (row,) = await fetch(server, "SELECT sniffed_type FROM versions")
        assert row["sniffed_type"] == "image/png"

        async def is_one() -> bool:
            names, begun = await kept(bucket)
            return (len(names), begun) == (1, [])

        await until_holds(is_one, "what was refused is gone")


async def test_hooks_are_asked_and_told_as_of_other_uploads(
    tmp_path: Path, bucket: Bucket, seed: int
) -> None:
    content = Content(seed=seed, length=100)
    async with HookReceiver() as receiver, serving(tmp_path, bucket, also=settings_for(receiver)) as server:
        receiver.say["pre-create"] = {"ChangeFileInfo": {"MetaData": {"filename": "b"}}}
        direct = await begin_direct(server.address, filename="a", file_size=content.length)
        assert direct.said["filename"] == "b"
        await receiver.heard("post-create")
        assert receiver.last("post-create")["ID"] == direct.id
        await direct.send_parts(content)
        await completed(direct)
        await receiver.heard("post-finish")
        asked = receiver.last("pre-finish")
        assert (asked["ID"], asked["Size"], asked["Offset"]) == (direct.id, 100, 100)
        receiver.say["pre-finish"] = {"RejectUpload": True, "HTTPResponse": {"StatusCode": 422, "Body": "no"}}
        other = await begin_direct(server.address, file_size=content.length)
        await other.send_parts(content)
        refused = await other.complete()
        assert (refused.status, refused.body) == (422, b"no")
        await until_states(server, {other.id: "refused"})
        last = await begin_direct(server.address, file_size=content.length)
        receiver.say["pre-terminate"] = {"RejectTermination": True}
        assert (await last.abort()).status == 400
        receiver.say["pre-terminate"] = {}
        assert (await last.abort()).status == 204
        await receiver.heard("post-terminate")


async def test_it_is_scanned_before_anybody_gets_it(
    tmp_path: Path, bucket: Bucket, clamd_server: ClamdServer
) -> None:
    async with serving(tmp_path, bucket, also=scanning_settings(str(clamd_server.socket))) as server:
        for content, verdict, status in ((b"harmless" * 9, "clean", 200), (EICAR, "infected", 403)):
            direct = await begin_direct(server.address, file_size=len(content))
            await (await direct.urls([1]))[1].sent(content)
            await completed(direct)
            suspect = Suspect(kind="direct", content=content, verdict=verdict)
            await until_verdict(server, Sent(suspect=suspect, target=direct.file), verdict)
            assert (await request(server.address, "GET", direct.file)).status == status


async def test_a_page_may_send_parts_where_the_bucket_says_so(
    tmp_path: Path, seaweed: SeaweedServer, seed: int
) -> None:
    """As docs/multipart.md has it."""
    content, bucket = Content(seed=seed, length=100), seaweed.bucket(f"cors-{secrets.token_hex(8)}")
    (rules,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "multipart.md").read_text(), re.DOTALL)
    async with behind_its_back(bucket) as backend:
        await backend._store.control._client.put_bucket_cors(
            Bucket=bucket.name, CORSConfiguration={"CORSRules": json.loads(rules)}
        )
    async with serving(tmp_path, bucket) as server:
        direct = await begin_direct(server.address, file_size=content.length, digest="sha-256")
        url = (await direct.urls({1: content.read(0, 100)}))[1]
        for origin, status in (("https://app.example.org", 200), ("https://other.example.org", 403)):
            asked = await url.preflight(origin, "content-type,x-amz-checksum-sha256")
            assert asked.status == status
        allowed = await url.preflight("https://app.example.org", "content-type,x-amz-checksum-sha256")
        assert allowed.headers["access-control-allow-methods"] == "PUT"
        assert "x-amz-checksum-sha256" in allowed.headers["access-control-allow-headers"]
        assert await url.sent(content.read(0, 100))


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
        await until_holds(lambda: _has_begun(bucket, 1), "the sweep was here")
        await direct.send_parts(content)
        await completed(direct)
        assert await came_back(direct, content)


async def _has_begun(bucket: Bucket, count: int) -> bool:
    return len((await kept(bucket))[1]) == count


# --- faults


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
        await until_holds(lambda: _has_begun(bucket, 0), "what was given up is gone")


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
