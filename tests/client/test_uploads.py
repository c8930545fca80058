"""The client against our own server: every option, and every way to be interrupted."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.cutting import CuttingProxy
from tests.harness.server import Server
from tests.harness.wire import Address, request
from tusd_py.client import (
    FileStore,
    GaveUp,
    Options,
    Progress,
    Rejected,
    Retries,
    TusClient,
    UnderWay,
    Uploaded,
)

from .holding import HoldingProxy

MIB = 1 << 20
PATIENT = Retries(times=20, first_wait=0.05, longest_wait=0.5)
ONCE = Retries(times=0)

WAYS = {
    "at once": Options(retries=PATIENT),
    "in chunks": Options(retries=PATIENT, chunk_size=1_000_003),
    "proven": Options(retries=PATIENT, checksum="sha256", checked_chunk_size=2 * MIB),
    "side by side": Options(retries=PATIENT, parallel=3),
    "side by side, in chunks, proven": Options(
        retries=PATIENT, parallel=4, chunk_size=MIB, checksum="crc32c"
    ),
}
LENGTHS = (0, 1, MIB, MIB + 1, 20 * MIB + 7)


async def arrived(server: Server, uploaded: Uploaded, content: Content) -> bool:
    target = uploaded.url[uploaded.url.index("/files/") :]
    assert uploaded.length == content.length
    return await download(server.address, target) == (200, content.length, content.sha256())


async def pieces(content: Content) -> AsyncIterator[bytes]:
    for piece in content.slices(0, content.length):
        yield bytes(piece)


def store_in(folder: Path) -> FileStore:
    return FileStore(folder / "state" / "uploads.json")


@pytest.fixture
def content(seed: int) -> Content:
    return Content(seed=seed, length=20 * MIB + 7)


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
    assert uploaded.resumed_from == 0


@pytest.mark.parametrize("length", LENGTHS)
async def test_bytes_and_streams_arrive(length: int, shared_server: Server, seed: int) -> None:
    content = Content(seed=seed, length=length)
    async with TusClient(shared_server.files_url, options=Options(held=4 * MIB)) as client:
        for sent in (content.read(0, length), pieces(content)):
            assert await arrived(shared_server, await client.upload(sent), content)


@pytest.mark.parametrize("way", WAYS)
async def test_connections_that_break_are_gone_on_with(
    way: str, shared_server: Server, path: Path, content: Content
) -> None:
    proxy = CuttingProxy(target=shared_server.address, cuts=(100, 1 * MIB, 9 * MIB, 15 * MIB))
    async with proxy.running(), TusClient(f"{proxy.address.url}/files/", options=WAYS[way]) as client:
        uploaded = await client.upload(path)
    assert proxy.done == 4
    assert await arrived(shared_server, uploaded, content)


async def test_a_stream_survives_broken_connections(shared_server: Server, content: Content) -> None:
    proxy = CuttingProxy(target=shared_server.address, cuts=(3 * MIB, 9 * MIB, 20 * MIB))
    options = Options(held=4 * MIB, retries=PATIENT)
    async with proxy.running(), TusClient(f"{proxy.address.url}/files/", options=options) as client:
        uploaded = await client.upload(pieces(content))
    assert proxy.done == 3
    assert await arrived(shared_server, uploaded, content)


@pytest.mark.parametrize("way", ["at once", "side by side"])
async def test_a_server_that_dies_and_comes_back_is_gone_on_with(
    way: str, server: Server, path: Path, content: Content
) -> None:
    proxy = HoldingProxy(target=server.address, most=8 * MIB)
    async with proxy.running(), TusClient(proxy.files_url, options=WAYS[way]) as client:
        sending = asyncio.create_task(client.upload(path))
        await proxy.holds.wait()
        await server.kill9()
        proxy.may_go.set()
        await server.start()
        assert await arrived(server, await sending, content)


@pytest.mark.parametrize("way", ["at once", "in chunks", "side by side"])
async def test_another_client_goes_on_where_one_gave_up(
    way: str, shared_server: Server, path: Path, content: Content, tmp_path: Path
) -> None:
    proxy = CuttingProxy(target=shared_server.address, cuts=(12 * MIB,))
    url = f"{proxy.address.url}/files/"
    patient = WAYS[way]
    hasty = Options(parallel=patient.parallel, chunk_size=patient.chunk_size, retries=ONCE)
    async with proxy.running():
        async with TusClient(url, options=hasty, store=store_in(tmp_path)) as client:
            with pytest.raises(GaveUp):
                await client.upload(path)
        async with TusClient(url, options=patient, store=store_in(tmp_path)) as client:
            uploaded = await client.upload(path)
            again = await client.upload(path)
    assert uploaded.resumed_from > 0
    assert await arrived(shared_server, uploaded, content)
    assert again.url != uploaded.url, "a finished upload is forgotten"
    assert again.resumed_from == 0


async def test_what_was_put_together_is_not_put_together_again(
    shared_server: Server, path: Path, content: Content, tmp_path: Path
) -> None:
    class Forgetless(FileStore):
        """As if the process died right after the end."""

        def forget(self, *keys: str) -> None: ...

    async with TusClient(
        shared_server.files_url, options=Options(parallel=3), store=Forgetless(tmp_path / "uploads.json")
    ) as client:
        first = await client.upload(path)
        second = await client.upload(path)
    assert second.url == first.url
    assert second.resumed_from == content.length
    assert await arrived(shared_server, second, content)


@pytest.mark.parametrize("parallel", [1, 3])
async def test_an_upload_that_was_deleted_meanwhile_begins_again(
    parallel: int, shared_server: Server, path: Path, content: Content, tmp_path: Path
) -> None:
    told: list[str] = []
    store = store_in(tmp_path)
    proxy = CuttingProxy(target=shared_server.address, cuts=(12 * MIB,))
    url = f"{proxy.address.url}/files/"
    async with proxy.running():
        async with TusClient(url, options=Options(parallel=parallel, retries=ONCE), store=store) as client:
            with pytest.raises(GaveUp):
                await client.upload(path)
            (entry,) = store._read().values()
            await client.terminate(entry["parts"]["0"])
        options = Options(parallel=parallel, retries=PATIENT)
        async with TusClient(url, options=options, store=store, on_notice=told.append) as client:
            uploaded = await client.upload(path)
    assert any("410 Gone" in text and "beginning again" in text for text in told)
    assert await arrived(shared_server, uploaded, content)


async def test_an_upload_that_expired_meanwhile_begins_again(
    tmp_path: Path, path: Path, content: Content
) -> None:
    told: list[str] = []
    store = store_in(tmp_path)
    async with Server(folder=tmp_path, settings={"uploads.expiry": "1s"}) as server:
        proxy = CuttingProxy(target=server.address, cuts=(12 * MIB,))
        url = f"{proxy.address.url}/files/"
        async with proxy.running():
            async with TusClient(url, options=Options(retries=ONCE), store=store) as client:
                with pytest.raises(GaveUp):
                    await client.upload(path)
            (entry,) = store._read().values()
            await _until_gone(server.address, entry["parts"]["0"].removeprefix(proxy.address.url))
            async with TusClient(url, store=store, on_notice=told.append) as client:
                uploaded = await client.upload(path)
        assert any("beginning again" in text for text in told)
        assert await arrived(server, uploaded, content)


async def _until_gone(address: Address, target: str) -> None:
    async with asyncio.timeout(20):
        while (await request(address, "HEAD", target, [("Tus-Resumable", "1.0.0")])).status != 410:
            await asyncio.sleep(0.05)


async def test_a_file_that_changed_since_is_another_file(
    shared_server: Server, path: Path, seed: int, tmp_path: Path
) -> None:
    store = store_in(tmp_path)
    proxy = CuttingProxy(target=shared_server.address, cuts=(12 * MIB,))
    url = f"{proxy.address.url}/files/"
    async with proxy.running(), TusClient(url, options=Options(retries=ONCE), store=store) as client:
        with pytest.raises(GaveUp):
            await client.upload(path)
        changed = Content(seed=seed + 1, length=20 * MIB + 7)
        changed.write_to(path)
        uploaded = await client.upload(path)
    assert uploaded.resumed_from == 0
    assert await arrived(shared_server, uploaded, changed)


async def test_the_same_file_is_sent_once_at_a_time(
    shared_server: Server, path: Path, tmp_path: Path
) -> None:
    proxy = HoldingProxy(target=shared_server.address, most=MIB)
    async with proxy.running(), TusClient(proxy.files_url, store=store_in(tmp_path)) as client:
        sending = asyncio.create_task(client.upload(path))
        await proxy.holds.wait()
        async with TusClient(proxy.files_url, store=store_in(tmp_path)) as another:
            with pytest.raises(UnderWay, match="another process is sending the same file"):
                await another.upload(path)
        proxy.may_go.set()
        await sending
    names = await asyncio.to_thread(os.listdir, tmp_path / "state")
    assert set(names) == {"uploads.json", "uploads.json.lock"}, "claims leave nothing behind"


async def test_several_files_go_at_once(shared_server: Server, tmp_path: Path, seed: int) -> None:
    contents = [Content(seed=seed + number, length=number * MIB // 2) for number in range(6)]
    paths = [content.write_to(tmp_path / f"{content.seed}.bin") for content in contents]
    async with TusClient(shared_server.files_url, store=store_in(tmp_path)) as client:
        every = await asyncio.gather(*(client.upload(path) for path in paths))
    for uploaded, content in zip(every, contents, strict=True):
        assert await arrived(shared_server, uploaded, content)


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("photo.jpg", {}, {"filename": b"photo.jpg", "filetype": b"image/jpeg"}),
        ("noidea", {"album": "Ferien ☀"}, {"filename": b"noidea", "album": "Ferien ☀".encode()}),
        ("a.jpg", {"filename": "b", "filetype": b"x/y"}, {"filename": b"b", "filetype": b"x/y"}),
        (
            "Grüße.txt",
            {"empty": ""},
            {"filename": "Grüße.txt".encode(), "filetype": b"text/plain", "empty": b""},
        ),
    ],
)
async def test_metadata_is_told(
    name: str,
    given: Mapping[str, str | bytes],
    wanted: Mapping[str, bytes],
    shared_server: Server,
    tmp_path: Path,
) -> None:
    (tmp_path / name).write_bytes(b"x")
    async with TusClient(shared_server.files_url) as client:
        uploaded = await client.upload(tmp_path / name, metadata=given)
    assert await _metadata_of(shared_server.address, uploaded.url) == wanted


async def test_the_whole_of_several_parts_carries_the_metadata(shared_server: Server, path: Path) -> None:
    async with TusClient(shared_server.files_url, options=Options(parallel=2)) as client:
        uploaded = await client.upload(path, metadata={"album": "x"})
    assert (await _metadata_of(shared_server.address, uploaded.url))["album"] == b"x"


async def _metadata_of(address: Address, url: str) -> dict[str, bytes]:
    head = await request(address, "HEAD", url.removeprefix(address.url), [("Tus-Resumable", "1.0.0")])
    pairs = (pair.partition(" ") for pair in head.headers["upload-metadata"].split(","))
    return {key: base64.b64decode(value) for key, _, value in pairs}


async def test_progress_ends_with_everything_confirmed(shared_server: Server, path: Path) -> None:
    for options in (Options(), Options(parallel=3), Options(chunk_size=MIB)):
        told: list[Progress] = []
        async with TusClient(shared_server.files_url, options=options) as client:
            uploaded = await client.upload(path, on_progress=told.append)
        assert len(told) > 10
        assert told[-1] == Progress(sent=uploaded.length, confirmed=uploaded.length, length=uploaded.length)


async def test_what_is_too_large_is_refused_before_it_is_sent(tmp_path: Path, path: Path) -> None:
    async with (
        Server(folder=tmp_path, settings={"uploads.max_size": "10MiB"}) as server,
        TusClient(server.files_url) as client,
    ):
        with pytest.raises(Rejected, match=r"413 .*ERR_MAX_SIZE_EXCEEDED") as caught:
            await client.upload(path)
    assert caught.value.status == 413
