"""Uploads that are scanned while they arrive, with the real program and a real clamd.

The log says of each what became of its stream.
"""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.scanned import (
    Sent,
    get,
    scanning_settings,
    send,
    until_proven,
    until_settled,
    until_verdict,
    verdicts_told,
    version_of,
)
from tests.harness.server import Server, until
from tests.harness.suspects import LONGEST, Suspect
from tests.harness.tus import BYTES, RESUMABLE
from tests.harness.wire import Connection, head_of, request
from tests.services.clamd import SIGNATURE, ClamdServer
from tests.services.clamd_proxy import Fault, faulty_clamd
from tusd_py.scanning.specimens import EICAR, zipped

MIB = 1 << 20
CLEAN = Suspect(kind="clean", content=os.urandom(3 * MIB), verdict="clean")
AT_THE_END = Suspect(kind="EICAR at the end", content=os.urandom(3 * MIB) + EICAR, verdict="infected")
IN_A_ZIP = Suspect(
    kind="EICAR in a ZIP in a ZIP",
    content=zipped("outer", zipped("inner", EICAR) + os.urandom(3 * MIB // 2)),
    verdict="infected",
)
OVER_A_LIMIT = Suspect(
    kind="a member longer than clamd's limits",
    content=zipped("zeros", bytes(9 * MIB)) + os.urandom(2 * MIB),
    verdict="unscannable",
)


def streaming(clamd: ClamdServer | str) -> dict[str, str]:
    """Settings of a server whose log also says when a stream begins, and which takes no sender for slow."""
    return {
        **scanning_settings(clamd if isinstance(clamd, str) else clamd.socket),
        "scan.while_uploading_rate": "1",
        "log.level": "debug",
    }


@pytest.fixture
async def scanning(tmp_path: Path, own_clamd: ClamdServer) -> AsyncIterator[Server]:
    """A server that scans with `own_clamd`, which is proven already."""
    async with Server(folder=tmp_path, settings=streaming(own_clamd)) as server:
        await until_proven(server)
        yield server


async def became(server: Server, sent: Sent, outcome: str) -> None:
    """Wait until the log says what became of its stream."""
    told = [f'"upload": "{sent.id}"', f'"outcome": "{outcome}"']
    await until(
        lambda: any(all(part in line for part in told) for line in server.log.splitlines()),
        f"the stream of {sent.id} is {outcome}:\n{server.log[-2000:]}",
        20,
    )


async def test_what_comes_in_one_sitting_is_not_read_again(scanning: Server) -> None:
    for suspect in (CLEAN, AT_THE_END, IN_A_ZIP, OVER_A_LIMIT):
        sent = await send(scanning, suspect)
        row = await until_verdict(scanning, sent, suspect.verdict)
        await became(scanning, sent, "used")
        assert row["sha256"] == hashlib.sha256(suspect.content).hexdigest()
        assert row["engine"].startswith("ClamAV ")
        assert (await get(scanning, sent)).status == (200 if suspect is CLEAN else 403)
        assert (await verdicts_told(scanning))[sent.id] == 1


async def test_the_same_by_patch_and_with_a_checksum(scanning: Server) -> None:
    for more in ([], [("Upload-Checksum", "sha1 " + b64(hashlib.sha1(AT_THE_END.content).digest()))]):
        sent = await created(scanning, AT_THE_END)
        answer = await request(
            scanning.address,
            "PATCH",
            sent.target,
            [RESUMABLE, BYTES, ("Upload-Offset", "0"), *more],
            AT_THE_END.content,
        )
        assert answer.status == 204
        row = await until_verdict(scanning, sent, "infected")
        assert row["finding"] == SIGNATURE
        await became(scanning, sent, "used")


async def test_an_upload_that_comes_in_two_parts_is_scanned_from_storage(scanning: Server) -> None:
    sent = await created(scanning, AT_THE_END)
    half = len(AT_THE_END.content) // 2
    for start, stop in ((0, half), (half, len(AT_THE_END.content))):
        headers = [RESUMABLE, BYTES, ("Upload-Offset", str(start))]
        content = AT_THE_END.content[start:stop]
        assert (await request(scanning.address, "PATCH", sent.target, headers, content)).status == 204
    await until_verdict(scanning, sent, "infected")
    assert "scan.stream" not in scanning.log


async def test_an_upload_that_is_cut_is_scanned_from_storage(scanning: Server) -> None:
    sent = await created(scanning, AT_THE_END)
    content = AT_THE_END.content
    async with await Connection.open(scanning.address) as connection:
        await connection.send(patch_head(scanning, sent, 0, len(content)), content[: 2 * MIB])
        await until_streamed(scanning, sent)
        connection.cut()
    await became(scanning, sent, "cut")
    told = await request(scanning.address, "HEAD", sent.target, [RESUMABLE])
    offset = told.offset or 0
    assert offset >= MIB
    headers = [RESUMABLE, BYTES, ("Upload-Offset", str(offset))]
    assert (await request(scanning.address, "PATCH", sent.target, headers, content[offset:])).status == 204
    await until_verdict(scanning, sent, "infected")
    assert (await verdicts_told(scanning))[sent.id] == 1


async def test_a_slow_sender_holds_no_thread_of_clamd(tmp_path: Path, clamd_server: ClamdServer) -> None:
    settings = streaming(clamd_server) | {"scan.while_uploading_rate": "100GiB"}
    async with Server(folder=tmp_path, settings=settings) as server:
        await until_proven(server)
        sent = await send(server, AT_THE_END)
        await became(server, sent, "slow")
        await until_verdict(server, sent, "infected")


async def test_an_upload_never_waits_for_clamd(tmp_path: Path, own_clamd: ClamdServer) -> None:
    settings = streaming(own_clamd) | {"scan.while_uploading_buffer": "2MiB"}
    async with Server(folder=tmp_path, settings=settings) as server:
        await until_proven(server)
        own_clamd.freeze()
        sent = await send(server, AT_THE_END)  # no longer than its patience of 60 s
        await became(server, sent, "lagging")
        own_clamd.wake()
        await until_verdict(server, sent, "infected")


async def _sent_beside(server: Server) -> None:
    sent = await send(server, CLEAN)
    await became(server, sent, "busy")
    await until_verdict(server, sent, "clean")


async def test_half_of_clamds_threads_are_left_to_what_is_stored(
    tmp_path: Path, own_clamd: ClamdServer
) -> None:
    settings = streaming(own_clamd) | {"scan.parallel": "2"}
    async with Server(folder=tmp_path, settings=settings) as server:
        await until_proven(server)
        first = await created(server, AT_THE_END)
        async with await Connection.open(server.address) as connection:
            content = AT_THE_END.content
            await connection.send(patch_head(server, first, 0, len(content)), content[: 2 * MIB])
            await until_streamed(server, first)
            second = asyncio.create_task(_sent_beside(server))
            at = 2 * MIB
            while not second.done():  # it would be dropped if nothing came
                await connection.send(content[at : at + 1024])
                at += 1024
                await asyncio.wait([second], timeout=1.0)
            await second
            await connection.send(content[at:])
            assert (await connection.answer("PATCH")).status == 204
        await became(server, first, "used")
        await until_verdict(server, first, "infected")


@pytest.mark.parametrize("fault", [Fault.HANG_UP_BEFORE, Fault.SAYS_TWICE])
async def test_a_stream_without_a_verdict_is_scanned_from_storage(
    tmp_path: Path, own_clamd: ClamdServer, fault: Fault
) -> None:
    path = str(own_clamd.folder / "proxy")
    async with (
        faulty_clamd(own_clamd.socket, path, seed=0) as proxy,
        Server(folder=tmp_path, settings=streaming(path)) as server,
    ):
        await until_proven(server)
        proxy.faults = (fault,)
        sent = await send(server, CLEAN)
        await became(server, sent, "failed")
        assert (await version_of(server, sent))["verdict"] == "unknown"
        proxy.faults = (Fault.NONE,)
        await until_verdict(server, sent, "clean", 40)
        assert (await verdicts_told(server))[sent.id] == 1


async def test_other_bytes_under_the_name_get_no_verdict_of_the_stream(
    tmp_path: Path, own_clamd: ClamdServer
) -> None:
    async with Server(folder=tmp_path, settings=streaming(own_clamd)) as server:
        await until_proven(server)
        sent = await created(server, CLEAN)
        content = CLEAN.content
        async with await Connection.open(server.address) as connection:
            await connection.send(patch_head(server, sent, 0, len(content)), content[: 2 * MIB])
            await until_streamed(server, sent)
            own_clamd.freeze()  # it has its stream, and says nothing yet
            await connection.send(content[2 * MIB :])
            assert (await connection.answer("PATCH")).status == 204
        row = await version_of(server, sent)
        path = server.data / row["ref"]
        other = path.with_name("other")
        other.write_bytes(content[: -len(EICAR)] + EICAR)
        other.replace(path)
        own_clamd.wake()
        await became(server, sent, "doubted")
        await until_settled(server)
        assert (await version_of(server, sent))["verdict"] == "infected"
        assert (await get(server, sent)).status in (403, 409)


async def test_a_server_killed_with_a_stream_loses_no_scan(tmp_path: Path, own_clamd: ClamdServer) -> None:
    async with Server(folder=tmp_path, settings=streaming(own_clamd), workers=2) as server:
        # Each worker proves it for itself, and any of them may be sent the body.
        await until(lambda: server.log.count('"scanner.proven"') == 2, "both workers have proven it", 30)
        sent = await created(server, AT_THE_END)
        content = AT_THE_END.content
        async with await Connection.open(server.address) as connection:
            await connection.send(patch_head(server, sent, 0, len(content)), content[: 2 * MIB])
            await until_streamed(server, sent)
            own_clamd.freeze()
            await connection.send(content[2 * MIB :])
            assert (await connection.answer("PATCH")).status == 204
        assert (await version_of(server, sent))["verdict"] == "unknown"
        await server.kill9()
        own_clamd.wake()
        await server.start()
        await until_verdict(server, sent, "infected", 60)
        await until_settled(server)
        assert await verdicts_told(server) == {sent.id: 1}


async def test_it_can_be_switched_off(tmp_path: Path, clamd_server: ClamdServer) -> None:
    settings = streaming(clamd_server) | {"scan.while_uploading": "0"}
    async with Server(folder=tmp_path, settings=settings) as server:
        await until_proven(server)
        sent = await send(server, AT_THE_END)
        await until_verdict(server, sent, "infected")
        assert "scan.stream" not in server.log


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


async def created(server: Server, suspect: Suspect) -> Sent:
    headers = [RESUMABLE, ("Upload-Length", str(len(suspect.content)))]
    answer = await request(server.address, "POST", "/files/", headers)
    assert answer.status == 201
    return Sent(suspect=suspect, target="/files/" + answer.headers["location"].rpartition("/")[2])


def patch_head(server: Server, sent: Sent, offset: int, length: int) -> bytes:
    host = f"{server.address.host}:{server.address.port}"
    headers = [("Host", host), RESUMABLE, BYTES]
    headers += [("Upload-Offset", str(offset)), ("Content-Length", str(length))]
    return head_of("PATCH", sent.target, headers)


async def until_streamed(server: Server, sent: Sent) -> None:
    """Until clamd is shown what came."""
    began = ['"event": "scan.stream_began"', f'"upload": "{sent.id}"']
    await until(
        lambda: any(all(part in line for part in began) for line in server.log.splitlines()),
        f"{sent.id} is streamed:\n{server.log[-2000:]}",
        20,
    )


assert max(len(one.content) for one in (CLEAN, AT_THE_END, IN_A_ZIP, OVER_A_LIMIT)) <= LONGEST
