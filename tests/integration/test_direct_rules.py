"""Uploads whose parts go to the store itself: what is refused, whose they are, and what they may be."""

import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.access.issuer import bearer, jwt_settings, token
from tests.harness.content import Content
from tests.harness.direct import Direct, begin_direct
from tests.harness.multipart import begin, initiate
from tests.harness.rows import fetch
from tests.harness.scanned import Sent, scanning_settings, until_verdict
from tests.harness.server import ROOT, Server
from tests.harness.suspects import Suspect
from tests.harness.wire import request
from tests.services.clamd import ClamdServer
from tests.services.seaweedfs import Bucket, SeaweedServer
from tusd_py.scanning.specimens import EICAR

from .directly import MIB, RESUMABLE, THREE, came_back, head, serving, usage
from .test_admission import HTML, PNG
from .test_hooks import HookReceiver, settings_for
from .test_multipart import completed, problem, until_states
from .test_s3 import behind_its_back, kept, until_empty, until_holds


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
