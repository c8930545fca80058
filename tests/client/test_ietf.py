"""The client in the IETF's draft: against our own server, and against one that behaves strangely."""

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.harness.content import Content
from tests.harness.cutting import CuttingProxy
from tests.harness.rows import fetch
from tests.harness.server import Server
from tests.harness.wire import request
from tusd_py.client import (
    BadOptions,
    FileStore,
    GaveUp,
    MemoryStore,
    NotOffered,
    NotTus,
    Options,
    Rejected,
    Retries,
    TusClient,
    Uploaded,
    WrongAnswer,
)

from .holding import HoldingProxy
from .strange_draft import StrangeDraft

MIB = 1 << 20
PATIENT = Retries(times=20, first_wait=0.05, longest_wait=0.5)
ONCE = Retries(times=0)
SOON = Retries(times=3, first_wait=0.01, longest_wait=0.05)

WAYS = {
    "at once": Options(protocol="ietf", retries=PATIENT),
    "in chunks": Options(protocol="ietf", retries=PATIENT, chunk_size=1_000_003),
    "proven": Options(protocol="ietf", retries=PATIENT, checksum="sha512", checked_chunk_size=2 * MIB),
    "with a digest": Options(protocol="ietf", retries=PATIENT, digest=True, chunk_size=6 * MIB),
}
LENGTHS = (0, 1, MIB, MIB + 1, 12 * MIB + 7)


async def arrived(server: Server, uploaded: Uploaded, content: Content) -> bool:
    target = uploaded.url[uploaded.url.index("/files/") :]
    assert uploaded.length == content.length
    answer = await request(server.address, "GET", target)
    return (answer.status, sha256(answer.body).hexdigest()) == (200, content.sha256())


async def row_of(server: Server, uploaded: Uploaded) -> dict[str, object]:
    (row,) = await fetch(server, f"SELECT * FROM uploads WHERE id = '{uploaded.url.rpartition('/')[2]}'")
    return dict(row)


async def pieces(content: Content) -> AsyncIterator[bytes]:
    for piece in content.slices(0, content.length):
        yield bytes(piece)


@pytest.fixture
def content(seed: int) -> Content:
    return Content(seed=seed, length=12 * MIB + 7)


@pytest.fixture
def path(content: Content, tmp_path: Path) -> Path:
    return content.write_to(tmp_path / "content.bin")


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_file_arrives(
    way: str, length: int, shared_server: Server, tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=length)
    path = content.write_to(tmp_path / "content.bin")
    async with TusClient(shared_server.files_url, options=WAYS[way]) as client:
        uploaded = await client.upload(path)
        assert await client.offset(uploaded.url) == length
    assert await arrived(shared_server, uploaded, content)
    row = await row_of(shared_server, uploaded)
    assert (row["dialect"], row["state"], uploaded.resumed_from) == ("ietf", "stored", 0)


@pytest.mark.parametrize("length", LENGTHS)
async def test_bytes_and_streams_arrive(length: int, shared_server: Server, seed: int) -> None:
    content = Content(seed=seed, length=length)
    options = Options(protocol="ietf", held=4 * MIB)
    async with TusClient(shared_server.files_url, options=options) as client:
        for sent in (content.read(0, length), pieces(content)):
            assert await arrived(shared_server, await client.upload(sent), content)


async def test_a_file_has_its_name_its_type_and_what_else_is_said(
    shared_server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "d\u00fcne.png"
    path.write_bytes(b"x")
    async with TusClient(shared_server.files_url, options=WAYS["at once"]) as client:
        uploaded = await client.upload(path, metadata={"album": "holiday"})
    row = await row_of(shared_server, uploaded)
    assert (row["filename"], row["filetype"]) == ("d\u00fcne.png", "image/png")
    assert "album" in str(row["metadata"])


async def test_servers_that_know_nothing_of_tus_hear_name_and_type_as_http_says_them(tmp_path: Path) -> None:
    (tmp_path / "d\u00fcne.png").write_bytes(b"x")
    strange = StrangeDraft()
    await sent_to(strange, tmp_path / "d\u00fcne.png", ietf())
    [creation] = strange.asked("POST")
    assert creation.headers["Content-Type"] == "image/png"
    assert creation.headers["Content-Disposition"].endswith("filename*=UTF-8''d%C3%BCne.png")


@pytest.mark.parametrize("way", WAYS)
async def test_connections_that_break_are_gone_on_with(
    way: str, shared_server: Server, path: Path, content: Content
) -> None:
    proxy = CuttingProxy(target=shared_server.address, cuts=(100, 1 * MIB, 5 * MIB, 9 * MIB))
    async with proxy.running(), TusClient(f"{proxy.address.url}/files/", options=WAYS[way]) as client:
        uploaded = await client.upload(path)
    assert proxy.done == 4
    assert await arrived(shared_server, uploaded, content)


async def test_a_stream_survives_broken_connections(shared_server: Server, content: Content) -> None:
    proxy = CuttingProxy(target=shared_server.address, cuts=(3 * MIB, 7 * MIB, 11 * MIB))
    options = Options(protocol="ietf", held=4 * MIB, retries=PATIENT)
    async with proxy.running(), TusClient(f"{proxy.address.url}/files/", options=options) as client:
        uploaded = await client.upload(pieces(content))
    assert proxy.done == 3
    assert await arrived(shared_server, uploaded, content)


@pytest.mark.parametrize("way", ["at once", "with a digest"])
async def test_a_server_that_dies_and_comes_back_is_gone_on_with(
    way: str, server: Server, path: Path, content: Content
) -> None:
    proxy = HoldingProxy(target=server.address, most=5 * MIB)
    async with proxy.running(), TusClient(proxy.files_url, options=WAYS[way]) as client:
        sending = asyncio.create_task(client.upload(path))
        await proxy.holds.wait()
        await server.kill9()
        proxy.may_go.set()
        await server.start()
        uploaded = await sending
    assert await arrived(server, uploaded, content)


async def test_another_call_goes_on_where_one_stopped(
    shared_server: Server, path: Path, content: Content, tmp_path: Path
) -> None:
    store = FileStore(tmp_path / "state" / "uploads.json")
    proxy = HoldingProxy(target=shared_server.address, most=6 * MIB)
    options = Options(protocol="ietf", chunk_size=MIB, retries=PATIENT)
    async with proxy.running(), TusClient(proxy.files_url, options=options, store=store) as client:
        sending = asyncio.create_task(client.upload(path))
        await proxy.holds.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        proxy.may_go.set()
        uploaded = await client.upload(path)
    assert uploaded.resumed_from >= 4 * MIB
    assert await arrived(shared_server, uploaded, content)


async def test_an_upload_of_tus_is_not_gone_on_with(shared_server: Server, path: Path) -> None:
    store = MemoryStore()
    proxy = HoldingProxy(target=shared_server.address, most=6 * MIB)
    async with proxy.running():
        for options in (Options(chunk_size=MIB, retries=ONCE), Options(protocol="ietf")):
            async with TusClient(proxy.files_url, options=options, store=store) as client:
                sending = asyncio.create_task(client.upload(path))
                await asyncio.wait({asyncio.ensure_future(proxy.holds.wait())})
                if options.protocol == "tus":
                    sending.cancel()
                    await asyncio.wait({sending})
                    proxy.may_go.set()
                else:
                    assert (await sending).resumed_from == 0


async def test_what_is_deleted_is_gone(shared_server: Server) -> None:
    async with TusClient(shared_server.files_url, options=WAYS["at once"]) as client:
        uploaded = await client.upload(b"x" * 3 * MIB)
        await client.terminate(uploaded.url)
        await client.terminate(uploaded.url)
    target = uploaded.url[uploaded.url.index("/files/") :]
    assert (await request(shared_server.address, "HEAD", target)).status == 410


@pytest.mark.parametrize("protocol", ["tus", "ietf"])
async def test_what_became_something_else_on_its_way_is_refused(
    protocol: str, shared_server: Server, tmp_path: Path
) -> None:
    """The file is changed where its time does not show it, between the two readings."""
    path = tmp_path / "content.bin"
    path.write_bytes(b"x" * 3 * MIB)
    seen = path.stat()
    options = Options(protocol=protocol, digest=True, chunk_size=MIB, retries=ONCE)  # type: ignore[arg-type]  # one of both
    proxy = HoldingProxy(target=shared_server.address, most=MIB // 2)
    async with proxy.running(), TusClient(proxy.files_url, options=options) as client:
        sending = asyncio.create_task(client.upload(path))
        await proxy.holds.wait()
        with path.open("r+b") as file:
            file.seek(2 * MIB)
            file.write(b"y")
        os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        proxy.may_go.set()
        with pytest.raises(Rejected) as refused:
            await sending
    assert refused.value.status == 400
    assert "ERR_DIGEST_MISMATCH" in str(refused.value) or "Repr-Digest" in str(refused.value)


# --- what is asked for


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"parallel": 2}, "a matter of tus"),
        ({"checksum": "sha1"}, "wanted sha256 or sha512"),
        ({"checksum": "crc32"}, "wanted sha256 or sha512"),
    ],
)
def test_what_the_draft_does_not_have_cannot_be_asked_for(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(BadOptions, match=says):
        Options(protocol="ietf", **wrong)  # type: ignore[arg-type]  # what makes no sense


def test_there_are_two_protocols() -> None:
    with pytest.raises(BadOptions, match="wanted tus or ietf"):
        Options(protocol="ftp")  # type: ignore[arg-type]  # what makes no sense


def digest_of(content: bytes) -> str:
    return f"sha-256=:{b64encode(sha256(content).digest()).decode()}:"


async def sent_to(strange: StrangeDraft, content: object, options: Options, **more: object) -> str:
    async with strange.running(), TusClient(strange.url, options=options, **more) as client:  # type: ignore[arg-type]  # passed on as they came
        return (await client.upload(content)).url  # type: ignore[arg-type]  # any of what can be sent


def ietf(**more: object) -> Options:
    return Options(**{"protocol": "ietf", "retries": SOON, "timeout": 5.0, **more})  # type: ignore[arg-type]  # a test's own names


@pytest.mark.parametrize(
    ("sent", "digest", "says"),
    [
        (b"x" * 3 * MIB, None, True),
        (b"x" * 3 * MIB, False, False),
        ("small", None, True),
        ("large", None, False),
        ("large", True, True),
    ],
)
async def test_a_digest_is_said_where_it_is_cheap_or_asked_for(
    sent: object, digest: bool | None, says: bool, tmp_path: Path
) -> None:
    content = sent if isinstance(sent, bytes) else b"y" * (1000 if sent == "small" else 2 * MIB)
    if not isinstance(sent, bytes):
        sent = tmp_path / "file"
        (tmp_path / "file").write_bytes(content)
    strange = StrangeDraft()
    await sent_to(strange, sent, ietf(digest=digest))
    [creation] = strange.asked("POST")
    assert creation.headers.get("Repr-Digest") == (digest_of(content) if says else None)
    assert all("Repr-Digest" not in one.headers for one in strange.asked("PATCH"))


async def test_a_digest_of_a_stream_is_not_to_be_had(seed: int) -> None:
    with pytest.raises(NotOffered, match="cannot be read twice"):
        await sent_to(StrangeDraft(), pieces(Content(seed=seed, length=3 * MIB)), ietf(digest=True, held=MIB))


async def test_no_request_speaks_tus() -> None:
    strange = StrangeDraft()
    await sent_to(strange, b"x" * 3 * MIB, ietf(chunk_size=MIB))
    assert [one.method for one in strange.seen] == ["OPTIONS", "POST", "PATCH", "PATCH", "PATCH"]
    assert not any("Tus-Resumable" in one.headers for one in strange.seen)
    assert [one.headers.get("Upload-Complete") for one in strange.seen[1:]] == ["?0", "?0", "?0", "?1"]
    assert {one.headers["Content-Type"] for one in strange.asked("PATCH")} == {"application/partial-upload"}


# --- limits


@pytest.mark.parametrize("chunk_size", [0, 2 * MIB])
async def test_no_request_is_larger_than_the_server_takes(chunk_size: int) -> None:
    strange = StrangeDraft(limits="max-append-size=1000000, max-age=3600")
    await sent_to(strange, b"x" * 3 * MIB, ietf(chunk_size=chunk_size))
    assert strange.only.content == b"x" * 3 * MIB
    assert max(one.size for one in strange.seen) == 1_000_000


@pytest.mark.parametrize("where", ["OPTIONS", "POST"])
async def test_limits_are_kept_to_wherever_they_are_told(where: str) -> None:
    strange = StrangeDraft(limits="max-append-size=1000000", tells_limits=(where,))
    await sent_to(strange, b"x" * 3 * MIB, ietf())
    assert max(one.size for one in strange.seen) == 1_000_000


async def test_no_request_but_the_last_is_smaller_than_the_server_takes() -> None:
    strange = StrangeDraft(limits="min-append-size=2000000")
    await sent_to(strange, b"x" * 3 * MIB, ietf(chunk_size=MIB))
    assert [one.size for one in strange.asked("PATCH")] == [2_000_000, 3 * MIB - 2_000_000]


@pytest.mark.parametrize(
    ("limits", "says"),
    [("max-size=1000", "at most 1000"), ("min-size=10000000", "no less than 10000000")],
)
async def test_what_the_server_does_not_take_is_not_sent(limits: str, says: str) -> None:
    strange = StrangeDraft(limits=limits)
    with pytest.raises(NotOffered, match=says):
        await sent_to(strange, b"x" * 3 * MIB, ietf())
    assert strange.asked("POST") == []


@pytest.mark.parametrize(
    "limits", ["", "min-size=0", "max-append-size=0", "max-append-size=-5", "?", "max-size=?1"]
)
async def test_limits_that_are_none_stop_nothing(limits: str) -> None:
    strange = StrangeDraft(limits=limits)
    await sent_to(strange, b"x" * 3 * MIB, ietf())
    assert strange.only.content == b"x" * 3 * MIB


# --- answers


async def test_interim_responses_are_passed_over() -> None:
    strange = StrangeDraft(interim=3)
    await sent_to(strange, b"x" * 3 * MIB, ietf(chunk_size=MIB))
    assert strange.only.content == b"x" * 3 * MIB


@pytest.mark.parametrize("status", [409, 500, 502, 503])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    strange = StrangeDraft(refusals={"PATCH": [status, status]})
    await sent_to(strange, b"x" * 3 * MIB, ietf())
    assert strange.only.content == b"x" * 3 * MIB
    assert len(strange.asked("HEAD")) == 2


async def test_a_chunk_that_was_damaged_is_sent_again() -> None:
    strange = StrangeDraft(refusals={"PATCH": [400]})
    await sent_to(strange, b"x" * 3 * MIB, ietf(checksum="sha256"))
    assert strange.only.content == b"x" * 3 * MIB
    digests = [one.headers["Content-Digest"] for one in strange.asked("PATCH")]
    assert digests[0] == digests[1] == digest_of(b"x" * 3 * MIB)


async def test_a_refusal_without_a_digest_is_for_good() -> None:
    with pytest.raises(Rejected, match="400"):
        await sent_to(StrangeDraft(refusals={"PATCH": [400]}), b"x" * 3 * MIB, ietf())


async def test_all_bytes_are_not_the_end_before_the_server_says_so() -> None:
    """Its answer to the last bytes was lost, and it does not know that they were the last."""
    strange = StrangeDraft(forgets_the_end=1)
    await sent_to(strange, b"x" * 3 * MIB, ietf())
    assert [one.headers.get("Upload-Complete") for one in strange.asked("PATCH")] == ["?1", "?1"]
    assert [one.size for one in strange.asked("PATCH")] == [3 * MIB, 0]


async def test_a_creation_with_everything_is_not_made_twice_for_that() -> None:
    strange = StrangeDraft(forgets_the_end=1)
    await sent_to(strange, b"x", ietf())
    assert [one.method for one in strange.seen] == ["OPTIONS", "POST", "PATCH"]
    assert strange.only.content == b"x"
    assert strange.only.is_complete


async def test_a_server_that_never_takes_the_end_is_given_up() -> None:
    with pytest.raises(GaveUp, match="not complete"):
        await sent_to(StrangeDraft(forgets_the_end=99), b"x" * 3 * MIB, ietf())


async def test_an_upload_that_the_server_ends_early_is_no_upload() -> None:
    with pytest.raises(WrongAnswer, match="more was to come"):
        await sent_to(StrangeDraft(ends_early=True), b"x" * 3 * MIB, ietf(chunk_size=MIB))


async def test_an_upload_that_is_gone_is_begun_again() -> None:
    told: list[str] = []
    strange = StrangeDraft(refusals={"PATCH": [410]})
    await sent_to(strange, b"x" * 3 * MIB, ietf(), on_notice=told.append)
    assert len(strange.asked("POST")) == 2
    assert any("beginning again" in text for text in told)


async def test_a_server_that_takes_any_post_is_no_endpoint() -> None:
    with pytest.raises(NotTus, match="not an IETF-draft endpoint"):
        await sent_to(StrangeDraft(is_ordinary=True), b"x", ietf())
