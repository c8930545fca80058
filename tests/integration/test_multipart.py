"""Uploads in parts (docs/multipart.md), with the real program."""

import asyncio
import hashlib
import json
import random
import stat
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest

from protocol.body import Body
from protocol.metadata import parse_metadata
from storage_backends.base import StorageFull
from storage_backends.memory import MemoryBackend
from tests.crash.planted import environ
from tests.harness.checker import download, fsck
from tests.harness.content import Content
from tests.harness.kept import kept_by
from tests.harness.multipart import Multipart, begin, initiate
from tests.harness.rows import change, fetch
from tests.harness.scanned import Sent, scanning_settings, until_verdict
from tests.harness.server import Server
from tests.harness.suspects import Suspect
from tests.harness.wire import Answer, Connection, NoAnswer, framed, head_of, request
from tests.services.clamd import ClamdServer
from tests.services.seaweedfs import Bucket
from tusd_py.access.identity import ANONYMOUS
from tusd_py.metadata.multiparts import MultipartRows
from tusd_py.scanning.specimens import EICAR
from tusd_py.uploads.multipart import Multiparts

from .house import context_of, working
from .test_hooks import HookReceiver, settings_for
from .test_uploads import Script

MIB = 1 << 20
INLINE = 256 << 10
"""Bytes up to which a body that comes at once takes the short cut (uploads.inline_limit)."""

QUICK = {"uploads.reap_interval": "0.2s"}


def problem(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["code"]


def cuts(content: Content, *sizes: int) -> dict[int, bytes]:
    """Its bytes by the numbers of parts, which have these sizes and then whatever is left."""
    parts, at = {}, 0
    for number, size in enumerate((*sizes, content.length), start=1):
        if at < content.length:
            parts[number] = content.read(at, min(at + size, content.length))
            at += size
    return parts


async def send_all(multipart: Multipart, parts: Mapping[int, bytes], seed: int, at_once: int = 3) -> None:
    """In an order that follows from the seed."""
    waiting = list(parts)
    random.Random(seed).shuffle(waiting)

    async def sender() -> None:
        while waiting:
            number = waiting.pop()
            await multipart.send(number, parts[number])

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(sender())


async def completed(multipart: Multipart, etags: Mapping[int, str] | None = None) -> dict[str, object]:
    answer = await multipart.complete(etags)
    assert answer.status == 200, answer.body
    said: dict[str, object] = json.loads(answer.body)
    assert said["upload_id"] == multipart.id
    return said


async def came_back(multipart: Multipart, content: Content) -> bool:
    found = await download(multipart.address, multipart.file)
    return found == (200, content.length, content.sha256())


async def is_gone(multipart: Multipart) -> bool:
    """As if it had never been."""
    asked = [await multipart.show(), await multipart.put(1, b"x"), await multipart.complete()]
    asked.append(await multipart.abort())
    return [problem(answer) for answer in asked] == [(404, "ERR_UPLOAD_NOT_FOUND")] * 4


async def states(server: Server) -> dict[str, str]:
    """Of all uploads, by their ids."""
    return {row["id"]: row["state"] for row in await fetch(server, "SELECT id, state FROM uploads")}


async def due(server: Server) -> set[str]:
    """What the next round of the reaper ends."""
    now = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
    sql = f"SELECT id FROM uploads WHERE state = 'stored' AND expires_at <= {now}"
    return {row["id"] for row in await fetch(server, sql)}


async def until_states(server: Server, wanted: Mapping[str, str], within: float = 20.0) -> None:
    async with asyncio.timeout(within):
        while not wanted.items() <= (await states(server)).items():
            await asyncio.sleep(0.02)


async def until_files(server: Server, count: int, within: float = 30.0) -> None:
    """No more than so many are left where the bytes are."""
    async with kept_by(server) as kept, asyncio.timeout(within):
        while len(await kept.names()) > count:
            await asyncio.sleep(0.05)


async def events_of(server: Server, upload_id: str) -> dict[str, dict[str, object]]:
    """What each said, by their kinds."""
    answer = await request(server.address, "GET", f"/api/v1/admin/events?subject={upload_id}")
    return {one["type"]: one["data"] for one in json.loads(answer.body)["events"]}


async def made_since(server: Server, before: Mapping[str, str]) -> dict[str, str]:
    return {name: state for name, state in (await states(server)).items() if name not in before}


# --- the whole way


async def test_parts_come_in_any_order_and_side_by_side(shared_server: Server, seed: int) -> None:
    content = Content(seed=seed, length=3 * MIB)
    multipart = await begin(
        shared_server.address,
        filename="día.txt",
        filetype="text/plain",
        file_size=content.length,
        metadata={"project": "x"},
    )
    parts = cuts(content, 100_000, MIB, 1, INLINE, 700_000)
    await send_all(multipart, parts, seed)
    assert [(number, size) for number, size, _ in await multipart.parts()] == [
        (number, len(part)) for number, part in parts.items()
    ]
    said = await completed(multipart)
    assert (said["filename"], said["file_size"]) == ("día.txt", content.length)
    assert await came_back(multipart, content)
    got = await request(shared_server.address, "GET", f"/file/{said['file_id']}", [("Range", "bytes=0-9")])
    assert (got.status, got.body) == (206, content.read(0, 10))
    assert "d%C3%ADa.txt" in got.headers["content-disposition"]
    head = await request(shared_server.address, "HEAD", multipart.file, [("Tus-Resumable", "1.0.0")])
    assert (head.status, head.offset) == (200, content.length)
    assert "project eA==" in head.headers["upload-metadata"]


@pytest.mark.parametrize(
    ("length", "sizes"), [(0, ()), (1, ()), (INLINE, ()), (INLINE + 1, ()), (MIB, (0,)), (10, (10,))]
)
async def test_one_part_or_an_empty_one_will_do(
    shared_server: Server, seed: int, length: int, sizes: tuple[int, ...]
) -> None:
    content = Content(seed=seed, length=length)
    multipart = await begin(shared_server.address)
    for number, part in (cuts(content, *sizes) or {1: b""}).items():
        await multipart.send(number, part)
    await completed(multipart)
    assert await came_back(multipart, content)


async def test_a_part_that_is_sent_again_takes_the_place_of_the_first(
    shared_server: Server, seed: int
) -> None:
    content = Content(seed=seed, length=2000)
    multipart = await begin(shared_server.address)
    wrong = await multipart.send(1, b"wrong")
    second = await multipart.send(2, content.read(1000, 2000))
    right = await multipart.send(1, content.read(0, 1000))
    assert await multipart.parts() == [(1, 1000, right), (2, 1000, second)]
    refused = await multipart.complete({1: wrong, 2: second})
    assert problem(refused) == (400, "ERR_INVALID_PART")
    assert right in refused.body.decode()
    assert (await states(shared_server))[wrong] == "terminated"
    # As S3's clients do: the ETag with its quotes, in any order.
    await completed(multipart, {2: f'"{second}"', 1: f'"{right}"'})
    assert await came_back(multipart, content)


async def test_a_list_may_leave_parts_out_which_are_let_go(shared_server: Server) -> None:
    multipart = await begin(shared_server.address)
    etags = {number: await multipart.send(number, b"%d" % number) for number in (3, 5, 8)}
    said = await completed(multipart, {8: etags[8], 3: etags[3]})
    assert said["file_size"] == 2
    assert (await request(shared_server.address, "GET", multipart.file)).body == b"38"
    assert etags[5] in await due(shared_server)


async def test_a_thousand_parts_are_listed_and_completed(shared_server: Server) -> None:
    multipart = await begin(shared_server.address)
    etags: dict[int, str] = {}
    waiting = iter(range(1, 1001))

    async def sender() -> None:
        host = ("Host", f"{shared_server.address.host}:{shared_server.address.port}")
        async with await Connection.open(shared_server.address) as connection:
            for number in waiting:
                target = f"{multipart.target}/parts/{number}"
                await connection.send(head_of("PUT", target, [host, ("Content-Length", "4")]))
                await connection.send(b"%04d" % number)
                etags[number] = (await connection.answer("PUT")).headers["etag"]

    await asyncio.gather(*(sender() for _ in range(8)))
    assert len(await multipart.parts()) == 1000
    await completed(multipart, etags)
    whole = b"".join(b"%04d" % number for number in range(1, 1001))
    found = await download(multipart.address, multipart.file)
    assert found == (200, len(whole), hashlib.sha256(whole).hexdigest())


# --- parts


@pytest.mark.parametrize("size", [1000, INLINE + 1])
async def test_a_part_is_checked_against_its_digest(shared_server: Server, size: int) -> None:
    multipart = await begin(shared_server.address)
    before = await states(shared_server)
    for name, hashed in (("sha-256", hashlib.sha256), ("sha-512", hashlib.sha512)):
        body = bytes(size - 1)
        right = ("Content-Digest", f"{name}=:{b64encode(hashed(body).digest()).decode()}:")
        # 460, as tus has it, means nothing to others.
        assert problem(await multipart.put(1, body + b"!", right)) == (400, "ERR_INVALID_PART")
        etag = await multipart.send(2, body, right)
        assert await multipart.parts() == [(2, len(body), etag)]
    short = await multipart.put(1, b"x", ("Content-Digest", "sha-256=:AAAA:"))
    assert "3 bytes for sha-256, wanted 32" in json.loads(short.body)["detail"]
    assert [*(await made_since(shared_server, before)).values()].count("stored") == 1


@pytest.mark.parametrize("size", [0, 1000, MIB])
async def test_a_part_may_come_without_its_length(shared_server: Server, seed: int, size: int) -> None:
    content = Content(seed=seed, length=size)
    multipart = await begin(shared_server.address)
    headers = [("Host", "localhost"), ("Transfer-Encoding", "chunked"), ("Connection", "close")]
    async with await Connection.open(shared_server.address) as connection:
        await connection.send(head_of("PUT", f"{multipart.target}/parts/1", headers))
        await connection.send(*framed(content.slices(0, size)), b"0\r\n\r\n")
        answer = await connection.answer("PUT")
    assert (answer.status, json.loads(answer.body)["size"]) == (200, size)
    await completed(multipart)
    assert await came_back(multipart, content)


@pytest.mark.parametrize("framing", [("Content-Length", str(2 * MIB)), ("Transfer-Encoding", "chunked")])
async def test_of_a_part_that_breaks_off_nothing_is_left(
    shared_server: Server, framing: tuple[str, str]
) -> None:
    multipart = await begin(shared_server.address)
    first = await multipart.send(1, b"it stays")
    before = await states(shared_server)
    async with await Connection.open(shared_server.address) as connection:
        await connection.send(head_of("PUT", f"{multipart.target}/parts/1", [("Host", "localhost"), framing]))
        body = [bytes(MIB)]
        await connection.send(*(framed(body) if framing[1] == "chunked" else body))
        while not await made_since(shared_server, before):
            await asyncio.sleep(0.02)
        connection.cut()
    (broken,) = await made_since(shared_server, before)
    await until_states(shared_server, {broken: "terminated"})
    assert await multipart.parts() == [(1, 8, first)]
    await completed(multipart)


async def test_a_part_that_stalls_is_refused_without_an_offset_to_go_on_from(tmp_path: Path) -> None:
    async with Server(folder=tmp_path, settings={"timeouts.network": "0.5"}) as server:
        multipart = await begin(server.address)
        refused = await multipart.put(1, b"x" * INLINE, ("Content-Length", str(MIB)))
        assert refused.status == 400  # said twice
        async with await Connection.open(server.address) as connection:
            said = [("Host", "localhost"), ("Content-Length", str(MIB))]
            await connection.send(head_of("PUT", f"{multipart.target}/parts/1", said), b"x" * INLINE)
            stalled = await connection.answer("PUT")
        assert (stalled.status, "retry-after" in stalled.headers) == (503, True)
        assert not [name for name in stalled.headers if name.startswith("upload-")]
        assert await multipart.parts() == []
        assert set((await states(server)).values()) == {"terminated"}


# --- going on


async def test_whoever_lost_everything_but_the_id_goes_on(shared_server: Server, seed: int) -> None:
    content = Content(seed=seed, length=5000)
    parts = cuts(content, *[1000] * 4)
    begun = await begin(shared_server.address, file_size=content.length, filename="a.bin")
    await begun.send(4, parts[4])
    await begun.send(2, parts[2])
    found = Multipart(address=shared_server.address, id=begun.id, said={})
    told = json.loads((await found.show()).body)
    assert (told["filename"], told["file_size"], told["most_parts"]) == ("a.bin", 5000, 1000)
    assert told["expires_at"] > told["created_at"]
    there = {one["part_number"] for one in told["parts"]}
    assert there == {2, 4}
    for number in parts.keys() - there:
        await found.send(number, parts[number])
    await completed(found)
    assert await came_back(found, content)


async def test_parts_are_told_in_pages(shared_server: Server) -> None:
    multipart = await begin(shared_server.address)
    for number in (9, 1, 4, 1000, 7):
        await multipart.send(number, b"x")
    pages, query = [], "?limit=2"
    while query:
        told = json.loads((await multipart.show(query)).body)
        pages.append([one["part_number"] for one in told["parts"]])
        query = f"?limit=2&after={told['next']}" if told["next"] else ""
    assert pages == [[1, 4], [7, 9], [1000]]
    assert problem(await multipart.show("?limit=0"))[0] == 400
    assert problem(await multipart.show("?after=1001"))[0] == 400


async def test_a_completion_whose_answer_was_lost_is_asked_for_again(
    shared_server: Server, seed: int
) -> None:
    content = Content(seed=seed, length=MIB)
    multipart = await begin(shared_server.address)
    etags = {number: await multipart.send(number, part) for number, part in cuts(content, 400_000).items()}
    answers = await asyncio.gather(*(multipart.complete() for _ in range(5)))
    answers += [await multipart.complete(etags), await multipart.complete({7: "anything"})]
    assert [answer.status for answer in answers] == [200] * 7
    assert len({json.loads(answer.body)["file_id"] for answer in answers}) == 1
    assert await came_back(multipart, content)
    # It is over: the upload that it became has URLs of its own.
    for answer in (await multipart.show(), await multipart.put(1, b"x"), await multipart.abort()):
        assert problem(answer) == (404, "ERR_UPLOAD_NOT_FOUND")
    assert await came_back(multipart, content)


async def test_what_is_given_up_is_gone_with_its_parts(shared_server: Server) -> None:
    multipart = await begin(shared_server.address)
    sent = [await multipart.send(number, b"x") for number in (1, 2)]
    assert (await multipart.abort()).status == 204
    assert await is_gone(multipart)
    assert set(sent) <= await due(shared_server)


# --- refusals


@pytest.mark.parametrize("number", ["0", "1001", "01", "-1", "+1", "1.0", "x", "%C2%B2", "1" * 500])
async def test_a_part_has_a_number_from_1_to_1000(shared_server: Server, number: str) -> None:
    multipart = await begin(shared_server.address)
    refused = await multipart.put(number, b"x")
    assert problem(refused) == (400, "ERR_INVALID_PART")
    assert b"wanted 1 to 1000" in refused.body
    assert len(refused.body) < 500


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ([], "array"),
        ({"name": "x"}, "'name' is unknown"),
        ({"filename": 3}, "filename is '3', wanted a text"),
        ({"filetype": ["text/plain"]}, "filetype is"),
        ({"filename": "\ud800"}, "surrogate"),
        ({"file_size": -1}, "file_size is '-1'"),
        ({"file_size": 1.5}, "file_size is '1.5'"),
        ({"file_size": "5"}, "file_size is '5'"),
        ({"file_size": True}, "file_size is 'True'"),
        ({"file_size": 1 << 63}, "file_size is '9223372036854775808'"),
        ({"metadata": "x"}, "metadata is not an object"),
        ({"metadata": {"a": 1}}, "a is '1', wanted a text"),
        ({"metadata": {str(number): "" for number in range(33)}}, "at most 32"),
    ],
)
async def test_a_beginning_that_is_wrong_is_told_what_is(
    shared_server: Server, wanted: object, named: str
) -> None:
    refused = await initiate(shared_server.address, wanted)
    assert problem(refused) == (400, "ERR_INVALID_BODY")
    assert named in json.loads(refused.body)["detail"]


@pytest.mark.parametrize("metadata", [{"a b": "x"}, {"": "x"}, {"ä": "x"}, {"x": "y" * 9000}])
async def test_metadata_that_tus_could_not_carry_is_refused(
    shared_server: Server, metadata: Mapping[str, str]
) -> None:
    refused = await initiate(shared_server.address, {"metadata": metadata})
    assert refused.status in (400, 413)
    assert "metadata" in json.loads(refused.body)["detail"].lower()


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"part": []}, "'part' is unknown"),
        ({"parts": {}}, "parts is no list"),
        ({"parts": [{}] * 1001}, "at most 1000"),
        ({"parts": [3]}, "not an object of part_number and etag"),
        ({"parts": [{"part_number": 1}]}, "not an object of part_number and etag"),
        ({"parts": [{"part_number": 1, "etag": "x", "size": 1}]}, "not an object of part_number and etag"),
        ({"parts": [{"part_number": "1", "etag": "x"}]}, "part_number is not a number"),
        ({"parts": [{"part_number": True, "etag": "x"}]}, "part_number is not a number"),
        ({"parts": [{"part_number": 1, "etag": None}]}, "etag is not a text"),
        ({"parts": [{"part_number": 0, "etag": "x"}]}, "part_number is 0, wanted 1 to 1000"),
        ({"parts": [{"part_number": 10**99, "etag": "x"}]}, f"part_number is 1{'0' * 39}, wanted"),
        ({"parts": [{"part_number": 1, "etag": "x"}] * 2}, "part 1 is there twice"),
    ],
)
async def test_a_list_that_is_wrong_is_told_what_is(shared_server: Server, said: object, named: str) -> None:
    multipart = await begin(shared_server.address)
    refused = await multipart.complete_as(said)
    assert problem(refused) == (400, "ERR_INVALID_BODY")
    assert named in json.loads(refused.body)["detail"]


async def test_what_does_not_add_up_is_told_and_can_be_mended(shared_server: Server) -> None:
    multipart = await begin(shared_server.address, file_size=6)

    async def refused(etags: Mapping[int, str] | None = None) -> str:
        answer = await multipart.complete(etags)
        assert problem(answer) == (400, "ERR_INVALID_PART")
        return str(json.loads(answer.body)["detail"])

    assert "there is no part" in await refused()
    first, third = await multipart.send(1, b"aa"), await multipart.send(3, b"cc")
    assert "part 2 is not there" in await refused()
    assert "part 2 is not there" in await refused({1: first, 2: third})
    assert f"part 1 has the etag {first}" in await refused({1: third})
    assert "there is no part" in await refused({})
    assert "the parts have 4 bytes, and file_size was 6" in await refused({1: first, 3: third})
    await multipart.send(2, b"bb")
    await completed(multipart)
    assert (await request(shared_server.address, "GET", multipart.file)).body == b"aabbcc"


async def test_nobody_finds_what_never_was(shared_server: Server) -> None:
    for strange in ("0" * 32, "x", "..%2Ffiles", "0" * 31 + "G"):
        assert await is_gone(Multipart(address=shared_server.address, id=strange, said={}))


async def test_limits_hold_for_the_parts_and_for_the_whole(tmp_path: Path) -> None:
    settings = {
        "uploads.max_size": "2000",
        "limits.types_allowed": "image/*",
        "limits.extensions_denied": "exe",
    }
    async with Server(folder=tmp_path, settings=settings) as server:
        for wanted, code in (
            ({"file_size": 2001, "filetype": "image/png"}, (413, "ERR_MAX_SIZE_EXCEEDED")),
            ({"filetype": "text/html"}, (415, "ERR_TYPE_NOT_ALLOWED")),
            ({"filetype": "image/png", "filename": "a.exe"}, (400, "ERR_FILENAME_NOT_ALLOWED")),
        ):
            assert problem(await initiate(server.address, wanted)) == code
        multipart = await begin(server.address, filetype="image/png")
        assert problem(await multipart.put(1, b"x" * 2001)) == (413, "ERR_MAX_SIZE_EXCEEDED")
        short = await begin(server.address, filetype="image/png", file_size=5)
        assert problem(await short.put(1, b"x" * 6)) == (400, "ERR_INVALID_PART")
        chunked = [("Host", "localhost"), ("Transfer-Encoding", "chunked"), ("Connection", "close")]
        async with await Connection.open(server.address) as connection:
            await connection.send(head_of("PUT", f"{multipart.target}/parts/1", chunked))
            await connection.send(*framed([b"x" * 2001]), b"0\r\n\r\n")
            assert problem(await connection.answer("PUT")) == (413, "ERR_MAX_SIZE_EXCEEDED")
        first = await multipart.send(1, b"x" * 1000)
        await multipart.send(2, b"x" * 1001)
        assert problem(await multipart.complete()) == (413, "ERR_MAX_SIZE_EXCEEDED")
        await completed(multipart, {1: first})


async def test_a_quota_holds_for_the_parts(tmp_path: Path) -> None:
    async with Server(folder=tmp_path, settings={"quota.bytes": "3000", "quota.files": "1"}) as server:
        multipart = await begin(server.address)
        await multipart.send(1, b"x" * 2000)
        refused = await multipart.put(2, b"x" * 1001)
        assert (refused.status, b"1000 of 3000 are left" in refused.body) == (413, True)
        await multipart.send(2, b"x" * 1000)
        await completed(multipart)
        assert problem(await initiate(server.address, {})) == (413, "ERR_QUOTA_EXCEEDED")
        assert (await request(server.address, "DELETE", multipart.file, [("Tus-Resumable", "1.0.0")])).status
        other = await begin(server.address)
        await other.send(1, b"x")
        await completed(other)


# --- what it becomes


async def test_its_metadata_may_name_a_file_of_which_it_is_the_next_version(shared_server: Server) -> None:
    file_ids = []
    for metadata in ({"path": "a/b.txt"}, {"path": "a/b.txt"}):
        multipart = await begin(shared_server.address, filename="b.txt", metadata=metadata)
        await multipart.send(1, b"x")
        file_ids.append((await completed(multipart))["file_id"])
    assert file_ids[0] == file_ids[1]
    third = await begin(shared_server.address, metadata={"file_id": file_ids[0]})
    await third.send(1, b"the third")
    assert (await completed(third))["file_id"] == file_ids[0]
    told = await request(shared_server.address, "GET", f"/api/v1/files/{file_ids[0]}")
    assert (json.loads(told.body)["version"], json.loads(told.body)["path"]) == (3, "a/b.txt")
    assert (await request(shared_server.address, "GET", f"/file/{file_ids[0]}")).body == b"the third"
    refused = await initiate(shared_server.address, {"metadata": {"path": "../b"}})
    assert (refused.status, "path" in json.loads(refused.body)["detail"]) == (400, True)


async def test_hooks_are_asked_as_for_other_finals(tmp_path: Path) -> None:
    async with HookReceiver() as receiver, Server(folder=tmp_path, settings=settings_for(receiver)) as server:
        header = {"content-type": "text/html", "X-Plan": "none"}
        receiver.say["pre-create"] = {
            "RejectUpload": True,
            "HTTPResponse": {"StatusCode": 403, "Header": header},
        }
        refused = await initiate(server.address, {"filename": "a"})
        assert problem(refused) == (403, "ERR_UPLOAD_REJECTED")
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["x-plan"] == "none"
        receiver.say["pre-create"] = {"ChangeFileInfo": {"MetaData": {"filename": "b"}}}
        multipart = await begin(server.address, filename="a", file_size=5)
        assert multipart.said["filename"] == "b"
        asked = receiver.seen[-1]["Event"]["Upload"]
        assert (asked["MetaData"]["filename"], asked["Size"], asked["IsFinal"]) == ("a", 5, True)
        receiver.say["pre-create"] = {}
        part = await multipart.send(1, b"hello")
        await receiver.heard("post-create")
        asked, told = receiver.last("pre-create"), receiver.last("post-create")
        assert (asked["ID"], asked["IsPartial"]) == ("", True)
        assert (told["ID"], told["IsPartial"]) == (part, True)
        assert asked["PartOf"] == told["PartOf"] == {"ID": multipart.id, "Number": 1}
        assert (await completed(multipart))["filename"] == "b"
        await receiver.heard("post-finish")
        assert "PartOf" not in receiver.last("post-finish")
        (finishing,) = [one for one in receiver.seen if one["Type"] == "pre-finish"]
        assert (finishing["Event"]["Upload"]["ID"], finishing["Event"]["Upload"]["Size"]) == (multipart.id, 5)


async def test_events_of_a_part_say_of_what_and_which_it_is(tmp_path: Path) -> None:
    async with Server(folder=tmp_path, settings=QUICK) as server:
        multipart = await begin(server.address)
        small, large = await multipart.send(3, b"x"), await multipart.send(4, b"x" * (INLINE + 1))
        assert (await multipart.abort()).status == 204
        await until_states(server, {small: "expired", large: "expired"})
        whole = await begin(server.address)
        await whole.send(1, b"x")
        await completed(whole)
        for part, number in ((small, 3), (large, 4)):
            told = await events_of(server, part)
            assert {"upload.created", "upload.stored", "upload.expired"} <= told.keys()
            for data in told.values():
                assert (data["part_of"], data["part_number"]) == (multipart.id, number)
        assert [data for data in (await events_of(server, whole.id)).values() if "part_of" in data] == []


async def test_a_hook_that_refuses_the_whole_ends_it_with_its_parts(tmp_path: Path) -> None:
    async with (
        HookReceiver() as receiver,
        Server(folder=tmp_path, settings=settings_for(receiver) | QUICK) as server,
    ):
        receiver.say["pre-finish"] = {"RejectUpload": True, "HTTPResponse": {"StatusCode": 422, "Body": "no"}}
        multipart = await begin(server.address)
        part = await multipart.send(1, b"hello")
        refused = await multipart.complete()
        assert (refused.status, refused.body) == (422, b"no")
        assert refused.headers["content-type"] == "text/plain; charset=utf-8"
        assert problem(await multipart.complete()) == (410, "ERR_UPLOAD_NOT_FOUND")
        await until_states(server, {multipart.id: "refused", part: "expired"})


async def test_a_file_is_scanned_as_a_whole_before_anybody_gets_it(
    tmp_path: Path, clamd_server: ClamdServer
) -> None:
    """What is evil lies across the border of two parts, neither of which shows it."""
    settings = scanning_settings(str(clamd_server.socket))
    async with Server(folder=tmp_path, settings=settings) as server:
        for content, verdict, status in ((b"harmless" * 9, "clean", 200), (EICAR, "infected", 403)):
            multipart = await begin(server.address)
            await multipart.send(2, content[30:])
            await multipart.send(1, content[:30])
            await completed(multipart)
            suspect = Suspect(kind="halved", content=content, verdict=verdict)
            await until_verdict(server, Sent(suspect=suspect, target=multipart.file), verdict)
            assert (await request(server.address, "GET", multipart.file)).status == status


async def test_nothing_is_left_of_the_parts(tmp_path: Path, seed: int) -> None:
    content = Content(seed=seed, length=2 * MIB)
    async with Server(folder=tmp_path, settings=QUICK) as server:
        multipart, given_up = await begin(server.address), await begin(server.address)
        await send_all(multipart, cuts(content, MIB, 1000), seed)
        await multipart.send(9, b"left out")
        await given_up.send(1, b"given up")
        assert (await given_up.abort()).status == 204
        etags = {number: etag for number, _, etag in await multipart.parts()}
        await completed(multipart, {number: etags[number] for number in (1, 2, 3)})
        await until_files(server, 1)
        assert await came_back(multipart, content)
        assert await fsck(server) == []


# --- faults


async def test_kill_9_between_parts_loses_none_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    content = Content(seed=seed, length=2 * MIB)
    parts = cuts(content, *[300_000] * 5)
    async with Server(folder=tmp_path, workers=2) as server:
        multipart = await begin(server.address, file_size=content.length)
        for number in (5, 1, 3):
            await multipart.send(number, parts[number])
        await server.kill9()
        await server.start()
        assert [number for number, _, _ in await multipart.parts()] == [1, 3, 5]
        await send_all(multipart, {number: parts[number] for number in parts.keys() - {1, 3, 5}}, seed)
        await completed(multipart)
        assert await came_back(multipart, content)


PRE_FINISH = """#!/bin/sh
touch "$WAITING.asked"
while [ ! -e "$WAITING" ]; do sleep 0.02; done
"""


async def test_kill_9_while_the_parts_are_put_together_makes_the_same_file(tmp_path: Path, seed: int) -> None:
    """Its copy is there, and no row names it yet: the hook keeps it so."""
    content = Content(seed=seed, length=MIB)
    program = tmp_path / "hooks" / "pre-finish"
    program.parent.mkdir()
    program.write_text(PRE_FINISH)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    go = tmp_path / "go"
    settings = {"hooks.dir": str(program.parent), "hooks.enabled_events": "pre-finish"}
    async with Server(folder=tmp_path, settings=settings, environ={"WAITING": str(go)}) as server:
        multipart = await begin(server.address)
        await send_all(multipart, cuts(content, 300_000, 300_000), seed)
        asking = asyncio.create_task(multipart.complete())
        async with asyncio.timeout(20):
            while not go.with_suffix(".asked").exists():
                await asyncio.sleep(0.02)
        assert (await states(server))[multipart.id] == "completing"
        await server.kill9()
        with pytest.raises(NoAnswer):
            await asking
        go.touch()
        await change(server, "UPDATE jobs SET due_at = 0")
        await server.start()
        said = await completed(multipart)
        assert await came_back(multipart, content)
        assert json.loads((await multipart.complete()).body)["file_id"] == said["file_id"]
        assert [one for one in await fsck(server) if one["problem"] != "no-row"] == []


async def test_what_a_worker_sent_for_a_part_before_it_died_is_let_go(tmp_path: Path, seed: int) -> None:
    """Of one part all bytes are stored, of the other the first half: and nothing ever expires."""
    content = Content(seed=seed, length=2 * MIB)
    settings = QUICK | {"uploads.expiry": "0", "uploads.checkpoint_bytes": "1MiB"}
    server = Server(folder=tmp_path, settings=settings, environ=environ("no part gets its row"))
    async with server:
        multipart = await begin(server.address, file_size=content.length)
        whole = asyncio.create_task(multipart.put(1, content.read(0, MIB)))
        headers = [("Host", "localhost"), ("Content-Length", str(2 * MIB))]
        async with await Connection.open(server.address) as connection:
            await connection.send(head_of("PUT", f"{multipart.target}/parts/2", headers))
            await connection.send(content.read(0, MIB + 1000))
            async with asyncio.timeout(20):
                while sorted((await states(server)).values()) != ["receiving", "stored"]:
                    await asyncio.sleep(0.02)
            await server.kill9()
        with pytest.raises(NoAnswer):
            await whole
        left = await states(server)
        await change(server, "UPDATE uploads SET updated_at = updated_at - 3600000000")
        server.environ = {}
        await server.start()
        await until_states(server, dict.fromkeys(left, "expired"))
        await until_files(server, 0)
        assert await multipart.parts() == []
        await multipart.send(1, content.read(0, content.length))
        await completed(multipart)
        assert await came_back(multipart, content)
        assert await fsck(server) == []


# --- elsewhere


async def test_whichever_worker_or_node_is_asked(tmp_path: Path, postgres_dsn: str, seed: int) -> None:
    content = Content(seed=seed, length=2 * MIB)
    async with Server(folder=tmp_path, database_url=postgres_dsn, workers=2) as server:
        multipart = await begin(server.address, file_size=content.length)
        await send_all(multipart, cuts(content, *[200_000] * 8), seed)
        answers = await asyncio.gather(*(multipart.complete() for _ in range(4)))
        assert [answer.status for answer in answers] == [200] * 4
        assert await came_back(multipart, content)
        gone = await begin(server.address)
        await gone.send(1, b"x")
        assert (await gone.abort()).status == 204
        assert await is_gone(gone)


async def test_on_an_object_store_parts_may_be_of_any_size(tmp_path: Path, bucket: Bucket, seed: int) -> None:
    """Smaller and larger than what S3 takes as a part of its own."""
    content = Content(seed=seed, length=19 * MIB)
    async with Server(folder=tmp_path, settings={**bucket.settings(), **QUICK}) as server:
        multipart = await begin(server.address, file_size=content.length)
        await send_all(multipart, cuts(content, MIB, 6 * MIB, 10, 5 * MIB, 300_000), seed)
        await completed(multipart)
        assert await came_back(multipart, content)
        small = Content(seed=seed, length=5000)
        other = await begin(server.address)
        await send_all(other, cuts(small, 1000, 3000), seed)
        await completed(other)
        assert await came_back(other, small)
        await until_files(server, 2)
        assert await fsck(server) == []


async def test_what_there_is_no_room_for_is_not_begun_to_be_put_together(tmp_path: Path) -> None:
    """A plan pins its parts: on a full disk their client could not even give them up."""
    async with working(tmp_path) as worker:
        context = context_of(worker, MemoryBackend(capacity=1500))
        multiparts = Multiparts(context=context, rows=MultipartRows(worker.database, worker.rows.author))
        multipart = await multiparts.begin(ANONYMOUS, parse_metadata(None, limit=0), None)
        body = Body(expected=1000, present=True)
        await multiparts.put(ANONYMOUS, multipart, 1, Script(b"x" * 1000), body=body, checksums=())
        with pytest.raises(StorageFull):
            await multiparts.complete(ANONYMOUS, multipart.id, None)
        assert len(await multiparts.parts(multipart, after=0, limit=9)) == 1
        await multiparts.abort(ANONYMOUS, multipart.id)


async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    async with Server(folder=tmp_path, settings={"uploads.disable_multipart": "true"}) as server:
        assert (await initiate(server.address, {})).status == 404
        assert b"/upload/" not in (await request(server.address, "GET", "/api/v1/openapi.json")).body


async def test_a_page_elsewhere_may_put_parts(tmp_path: Path) -> None:
    origin = "https://app.example.org"
    # Without logins, a page of another site may not.
    settings = {"access.auth": "key", "cors.allow_origin": origin.replace(".", r"\.")}
    async with Server(folder=tmp_path, settings=settings) as server:
        asked = [("Origin", origin), ("Access-Control-Request-Method", "PUT")]
        asked.append(("Access-Control-Request-Headers", "authorization,content-digest"))
        told = await request(server.address, "OPTIONS", f"/upload/{'0' * 32}/parts/1", asked)
        assert told.status in (200, 204)
        assert "PUT" in told.headers["access-control-allow-methods"].split(", ")
        allowed = told.headers["access-control-allow-headers"].lower().split(", ")
        assert {"authorization", "content-digest", "content-type"} <= set(allowed)
        refused = await request(server.address, "PUT", f"/upload/{'0' * 32}/parts/1", [asked[0]])
        assert refused.status == 401
        assert "ETag" in refused.headers["access-control-expose-headers"].split(", ")
