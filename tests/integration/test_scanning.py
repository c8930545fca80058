"""Scanning, with the real program and a real clamd: what is served when, and what operators can do."""

import asyncio
import hashlib
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.rows import fetch, files_of
from tests.harness.scanned import (
    Sent,
    get,
    is_proven,
    scanning_settings,
    send,
    until_proven,
    until_settled,
    until_verdict,
    verdicts_told,
    version_of,
)
from tests.harness.server import Server, until
from tests.harness.suspects import Suspect
from tests.harness.wire import request
from tests.services.clamd import SIGNATURE, ClamdServer
from tests.services.clamd_proxy import faulty_clamd
from tusd_py.scanning.specimens import EICAR, marked_encrypted, zipped

CLEAN = Suspect(kind="clean", content=b"nothing is wrong here" * 1000, verdict="clean")
INFECTED = Suspect(kind="EICAR", content=EICAR, verdict="infected")
ENCRYPTED = Suspect(
    kind="encrypted", content=marked_encrypted(zipped("a", b"secret" * 10)), verdict="unscannable"
)


@pytest.fixture
async def scanning(tmp_path: Path, own_clamd: ClamdServer) -> AsyncIterator[Server]:
    """A server that scans with `own_clamd`."""
    async with Server(folder=tmp_path, settings=scanning_settings(own_clamd.socket)) as server:
        yield server


async def command(server: Server, *arguments: str) -> tuple[int, str]:
    """A command of the program on the server's data: its exit status and output."""
    given = server.command(arguments[0], *arguments[1:])
    done = await asyncio.to_thread(subprocess.run, given, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


async def test_a_clean_file_is_served_and_an_infected_one_is_not(scanning: Server) -> None:
    clean, infected = await send(scanning, CLEAN), await send(scanning, INFECTED)
    await until_settled(scanning)
    answer = await get(scanning, clean)
    assert (answer.status, answer.body) == (200, CLEAN.content)
    row = await version_of(scanning, infected)
    assert (row["verdict"], row["finding"]) == ("infected", SIGNATURE)
    assert row["engine"].startswith("ClamAV ")
    for target in (infected.target, f"/file/{row['file_id']}"):
        for method in ("GET", "HEAD"):
            refused = await request(scanning.address, method, target, [("Tus-Resumable", "1.0.0")])
            assert refused.status == (200 if method == "HEAD" and target == infected.target else 403)
            assert EICAR not in refused.body
    answer = await get(scanning, infected)
    assert answer.body == b"ERR_QUARANTINED: the file is in quarantine\n"
    kinds = await fetch(scanning, f"SELECT kind FROM events WHERE subject = '{infected.id}' ORDER BY id")
    assert [row["kind"] for row in kinds][-2:] == ["upload.scanned", "file.quarantined"]


async def test_nothing_is_served_before_its_verdict_and_uploads_go_on(
    scanning: Server, own_clamd: ClamdServer
) -> None:
    await until_proven(scanning)
    own_clamd.freeze()
    sent = await send(scanning, CLEAN)
    for target in (sent.target, f"/file/{(await version_of(scanning, sent))['file_id']}"):
        answer = await request(scanning.address, "GET", target)
        assert (answer.status, answer.headers["retry-after"]) == (409, "5")
        assert b"ERR_NOT_SCANNED" in answer.body
        ranged = await request(scanning.address, "GET", target, [("Range", "bytes=0-3")])
        assert ranged.status == 409
    own_clamd.wake()
    await until_verdict(scanning, sent, "clean")
    assert (await get(scanning, sent)).body == CLEAN.content


@pytest.mark.parametrize(
    "weakness",
    [
        {"AlertExceedsMax": "no"},
        {"AlertEncrypted": "no"},
        {"ScanArchive": "no"},
        # A member of a ZIP that is longer than MaxFileSize is cut without a word.
        {"MaxScanSize": "40M"},
    ],
    ids="".join,
)
async def test_a_scanner_that_overlooks_something_is_never_believed(
    tmp_path: Path, own_clamd: ClamdServer, weakness: dict[str, str]
) -> None:
    own_clamd.restart(weakness)
    async with Server(folder=tmp_path, settings=scanning_settings(own_clamd.socket)) as server:
        sent = await send(server, CLEAN)
        await until(lambda: "scanner.unproven" in server.log, "the log says it", 20)
        assert not await is_proven(server)
        assert (await get(server, sent)).status == 409
        assert (await version_of(server, sent))["verdict"] == "unknown"
        strengths = {"AlertExceedsMax": "yes", "AlertEncrypted": "yes", "ScanArchive": "yes"}
        own_clamd.restart(strengths | {"MaxScanSize": own_clamd.settings["MaxFileSize"]})
        await until_verdict(server, sent, "clean")


async def test_signatures_without_a_date_prove_nothing_unless_allowed(
    tmp_path: Path, clamd_server: ClamdServer
) -> None:
    settings = scanning_settings(clamd_server.socket) | {"scan.signatures_max_age": "7d"}
    async with Server(folder=tmp_path, settings=settings) as server:
        await until(lambda: "its signatures have no date" in server.log, "the log says it", 20)
        assert not await is_proven(server)


async def test_files_from_before_the_scanner_close_and_are_scanned(
    tmp_path: Path, own_clamd: ClamdServer
) -> None:
    async with Server(folder=tmp_path) as server:
        assert "scan.off" in server.log
        clean, infected = await send(server, CLEAN), await send(server, INFECTED)
        assert (await get(server, infected)).status == 200
        await server.stop()
        own_clamd.freeze()
        server.settings = scanning_settings(own_clamd.socket)
        await server.start()
        assert [(await get(server, one)).status for one in (clean, infected)] == [409, 409]
        own_clamd.wake()
        await until_verdict(server, infected, "infected", within=40)
        await until_verdict(server, clean, "clean", within=40)
        assert [(await get(server, one)).status for one in (clean, infected)] == [200, 403]


@pytest.mark.parametrize(("policy", "status"), [("deny", 403), ("owner", 200), ("allow", 200)])
async def test_who_gets_what_cannot_be_scanned_is_the_operators_choice(
    tmp_path: Path, clamd_server: ClamdServer, policy: str, status: int
) -> None:
    settings = scanning_settings(clamd_server.socket) | {"scan.unscannable": policy}
    async with Server(folder=tmp_path, settings=settings) as server:
        sent, infected = await send(server, ENCRYPTED), await send(server, INFECTED)
        await until_settled(server)
        assert (await version_of(server, sent))["finding"] == "Heuristics.Encrypted.Zip"
        assert (await get(server, sent)).status == status
        assert (await get(server, infected)).status == 403


async def test_infected_files_are_deleted_where_that_is_wanted(
    tmp_path: Path, clamd_server: ClamdServer
) -> None:
    settings = scanning_settings(clamd_server.socket) | {"scan.on_infected": "delete"}
    async with Server(folder=tmp_path, settings=settings) as server:
        clean, infected = await send(server, CLEAN), await send(server, INFECTED)
        await until_settled(server)
        assert (await get(server, infected)).status == 410
        assert await fetch(server, f"SELECT * FROM versions WHERE upload_id = '{infected.id}'") == []
        await until(lambda: len(list(files_of(server))) == 1, "its bytes are gone", 20)
        assert (await get(server, clean)).status == 200
        kinds = await fetch(server, f"SELECT kind FROM events WHERE subject = '{infected.id}' ORDER BY id")
        assert [row["kind"] for row in kinds][-3:] == ["upload.scanned", "upload.terminated", "file.deleted"]


async def test_an_operator_lists_releases_and_deletes(scanning: Server) -> None:
    first, second, clean = [await send(scanning, one) for one in (INFECTED, ENCRYPTED, CLEAN)]
    await until_settled(scanning)
    ids = {sent.id: (await version_of(scanning, sent))["file_id"] for sent in (first, second, clean)}
    status, said = await command(scanning, "quarantine", "list", "--json")
    listed = {row["file_id"]: row for row in map(json.loads, said.splitlines())}
    assert status == 0
    assert set(listed) == {ids[first.id], ids[second.id]}
    assert (listed[ids[first.id]]["verdict"], listed[ids[first.id]]["finding"]) == ("infected", SIGNATURE)
    assert SIGNATURE in (await command(scanning, "quarantine", "list"))[1]

    assert (await command(scanning, "quarantine", "release", ids[second.id])) == (
        0,
        f"{ids[second.id]}: released\n",
    )
    assert (await get(scanning, second)).body == ENCRYPTED.content
    status, said = await command(scanning, "quarantine", "delete", ids[clean.id], "nonsense", ids[first.id])
    assert status == 1
    assert said == (
        f"{ids[clean.id]}: it is not in quarantine, its verdict is clean\n"
        f"nonsense: there is no such file\n{ids[first.id]}: deleted\n"
    )
    assert (await get(scanning, first)).status == 410
    await until(lambda: len(list(files_of(scanning))) == 2, "its bytes are gone", 20)
    actors = await fetch(
        scanning, "SELECT kind, actor FROM events WHERE kind IN ('file.released', 'file.deleted') ORDER BY id"
    )
    assert [(row["kind"], row["actor"].partition(" ")[0]) for row in actors[-2:]] == [
        ("file.released", "operator"),
        ("file.deleted", "operator"),
    ]


async def test_an_operator_may_say_which_finding_is_decided_about(scanning: Server) -> None:
    sent = await send(scanning, INFECTED)
    await until_settled(scanning)
    file_id = (await version_of(scanning, sent))["file_id"]
    for action in ("release", "delete"):
        status, said = await command(scanning, "quarantine", action, file_id, "--finding", "Other")
        assert (status, said) == (1, f"{file_id}: what was found is {SIGNATURE!r}, not 'Other'\n")
    status, said = await command(scanning, "quarantine", "release", file_id, "--finding", SIGNATURE)
    assert (status, said) == (0, f"{file_id}: released\n")
    status, said = await command(scanning, "quarantine", "list", "--finding", SIGNATURE)
    assert (status, "takes no --finding" in said) == (2, True)


async def test_a_release_outlives_a_rescan_that_finds_the_same(scanning: Server) -> None:
    sent = await send(scanning, INFECTED)
    await until_settled(scanning)
    file_id = (await version_of(scanning, sent))["file_id"]
    await command(scanning, "quarantine", "release", f"{file_id}:1")
    assert (await command(scanning, "rescan", "--all")) == (0, "1 queued\n")
    await until_settled(scanning)
    assert (await get(scanning, sent)).status == 200
    assert await verdicts_told(scanning) == {sent.id: 2}


async def test_without_a_scanner_there_is_nothing_to_rescan(shared_server: Server) -> None:
    status, said = await command(shared_server, "rescan", "--all")
    assert (status, "no scanner is configured" in said) == (1, True)


@pytest.mark.parametrize(
    "arguments", [("quarantine",), ("quarantine", "release"), ("quarantine", "list", "x"), ("rescan",)]
)
async def test_commands_say_what_is_missing(shared_server: Server, arguments: tuple[str, ...]) -> None:
    status, said = await command(shared_server, *arguments)
    assert status == 2
    assert said.startswith("error: ")


def path_of(server: Server, row: object) -> Path:
    assert isinstance(row, dict)
    return server.data / str(row["ref"])


def replace(path: Path, content: bytes) -> None:
    """Behind the server's back."""
    other = path.with_name("other")
    other.write_bytes(content)
    other.chmod(0o440)
    other.replace(path)


async def test_other_bytes_under_the_name_are_never_served(scanning: Server) -> None:
    sent = await send(scanning, CLEAN)
    row = await until_verdict(scanning, sent, "clean")
    replace(path_of(scanning, row), b"N" + CLEAN.content[1:])
    answer = await get(scanning, sent)
    assert (answer.status, answer.body.partition(b":")[0]) == (409, b"ERR_NOT_SCANNED")
    row = await until_verdict(scanning, sent, "unscannable")
    assert row["sha256"] == hashlib.sha256(CLEAN.content).hexdigest()
    assert row["finding"] == "changed since it was scanned"
    assert (await get(scanning, sent)).status == 403
    # However often they are looked at, they are not what was uploaded.
    for asked in range(1, 3):
        assert (await command(scanning, "rescan", "--all")) == (0, "1 queued\n")
        await until_settled(scanning)
        again = await version_of(scanning, sent)
        assert (again["verdict"], again["sha256"]) == ("unscannable", row["sha256"]), asked
        assert (await get(scanning, sent)).status == 403


async def test_a_release_is_for_the_bytes_that_were_scanned(scanning: Server) -> None:
    sent = await send(scanning, INFECTED)
    row = await until_verdict(scanning, sent, "infected")
    await command(scanning, "quarantine", "release", f"{row['file_id']}:1")
    assert (await get(scanning, sent)).status == 200
    replace(path_of(scanning, row), INFECTED.content[:-1] + b"N")
    assert (await get(scanning, sent)).status == 409
    assert (await command(scanning, "rescan", "--all"))[0] == 0
    await until_settled(scanning)
    assert (await get(scanning, sent)).status in (403, 409)


async def test_a_restored_copy_is_served_once_it_was_scanned(scanning: Server) -> None:
    sent = await send(scanning, CLEAN)
    row = await until_verdict(scanning, sent, "clean")
    replace(path_of(scanning, row), CLEAN.content)
    assert (await get(scanning, sent)).status == 409
    async with asyncio.timeout(20):
        while (answer := await get(scanning, sent)).status == 409:
            await asyncio.sleep(0.02)
    assert (answer.status, answer.body) == (200, CLEAN.content)


async def test_new_signatures_scan_everything_again(tmp_path: Path, own_clamd: ClamdServer) -> None:
    path = str(own_clamd.folder / "proxy")
    async with faulty_clamd(own_clamd.socket, path, seed=0) as proxy:
        proxy.version = b"ClamAV 1.4.6/27800/Tue Nov 24 09:31:00 2026"
        settings = scanning_settings(path) | {"scan.rescan_updates": "true"}
        async with Server(folder=tmp_path, settings=settings) as server:
            sent = await send(server, CLEAN)
            await until_verdict(server, sent, "clean")
            proxy.version = b"ClamAV 1.4.6/27801/Wed Nov 25 09:31:00 2026"
            async with asyncio.timeout(40):
                while (row := await version_of(server, sent))["engine"] != proxy.version.decode():
                    assert (await get(server, sent)).status == 200  # the old verdict holds until the new one
                    await asyncio.sleep(0.1)
            assert row["verdict"] == "clean"
            assert await verdicts_told(server) == {sent.id: 2}


async def test_a_file_that_never_gets_a_verdict_is_given_up_and_can_be_tried_again(
    tmp_path: Path, own_clamd: ClamdServer
) -> None:
    settings = scanning_settings(own_clamd.socket) | {"scan.attempts": "2"}
    async with Server(folder=tmp_path, settings=settings) as server:
        sent = await sent_while_missing(server, own_clamd)
        await until(lambda: "scan.given_up" in server.log, "it is given up", 30)
        assert (await get(server, sent)).status == 409
        (row,) = await fetch(server, "SELECT count(*) AS n FROM events WHERE kind = 'upload.scan_failed'")
        assert row["n"] == 1
        (path,) = server.data.rglob("hidden")
        path.rename(path.with_name((await version_of(server, sent))["ref"].rpartition("/")[2]))
        assert (await command(server, "rescan", "--failed")) == (0, "1 queued\n")
        await until_settled(server)
        assert (await get(server, sent)).status == 200


async def sent_while_missing(server: Server, clamd: ClamdServer) -> Sent:
    """A file whose bytes cannot be read when it is scanned."""
    await until_proven(server)
    clamd.freeze()
    sent = await send(server, CLEAN)
    path = path_of(server, await version_of(server, sent))
    path.rename(path.with_name("hidden"))
    clamd.wake()
    return sent


async def test_clamd_is_also_reached_by_tcp(tmp_path: Path, clamd_server: ClamdServer) -> None:
    settings = scanning_settings("") | {
        "scan.clamd_host": "localhost",
        "scan.clamd_port": str(clamd_server.port),
        "server.event_loop": "asyncio",
    }
    async with Server(folder=tmp_path, settings=settings) as server:
        clean, infected = await send(server, CLEAN), await send(server, INFECTED)
        await until_settled(server)
        assert [(await get(server, one)).status for one in (clean, infected)] == [200, 403]
