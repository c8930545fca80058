"""What operators ask for over HTTP: numbers, the quarantine, and the settings in force."""

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.content import Content
from tests.harness.scanned import scanning_settings, send, until_settled
from tests.harness.server import Server
from tests.harness.suspects import Suspect
from tests.harness.tus import Plan, TusClient
from tests.harness.wire import request
from tests.services.clamd import SIGNATURE, ClamdServer
from tusd_py.scanning.specimens import EICAR

INFECTED = Suspect(kind="EICAR", content=EICAR, verdict="infected")
QUARANTINE = "/api/v1/admin/quarantine"


@pytest.fixture
async def scanning(tmp_path: Path, clamd_server: ClamdServer) -> AsyncIterator[Server]:
    async with Server(folder=tmp_path, settings=scanning_settings(clamd_server.socket)) as server:
        yield server


async def ask(server: Server, target: str) -> Any:
    answer = await request(server.address, "GET", target)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


async def test_numbers_tell_what_is_under_way_and_outlive_a_restart(server: Server, seed: int) -> None:
    client = TusClient(address=server.address)
    whole = Content(seed=seed, length=100_000)
    await client.create(whole, body=Plan.whole(0, whole.length))
    half = await client.create(Content(seed=seed, length=1_000_000), body=Plan.whole(0, 400_000))
    stats = await ask(server, "/api/v1/admin/stats?minutes=10")
    assert stats["stored"] == {"files": 1, "versions": 1, "bytes": 100_000, "quarantined": 0}
    assert stats["unfinished"] == 1
    (upload,) = stats["uploads"]
    assert (upload["upload_id"], upload["offset"], upload["length"]) == (half.id, 400_000, 1_000_000)
    assert (upload["user_id"], upload["is_written"], upload["worker"]) == ("anonymous", False, None)
    (worker,) = stats["workers"]
    assert worker["node"] == socket.gethostname()
    # What was counted since the last full minute is told on the way out.
    await server.terminate()
    await server.start()
    minutes = (await ask(server, "/api/v1/admin/stats"))["minutes"]
    assert sum(one["created"] for one in minutes) == 2
    assert sum(one["finished"] for one in minutes) == 1
    assert sum(one["received"] for one in minutes) == 500_000


@pytest.mark.parametrize("minutes", ["0", "-1", "10081", "ten", "", "1.5"])
async def test_a_span_that_is_none_is_refused(server: Server, minutes: str) -> None:
    answer = await request(server.address, "GET", f"/api/v1/admin/stats?minutes={minutes}")
    assert answer.status == 400
    assert json.loads(answer.body)["detail"].endswith("wanted a number from 1 to 10080")


@pytest.mark.parametrize("workers", [1, 2])
async def test_settings_are_shown_with_their_origins_and_without_their_secrets(
    tmp_path: Path, workers: int
) -> None:
    settings = {"uploads.max_size": "5MB", "access.jwt_secret": "x" * 40}
    environ = {"TUSD_PY_LOG__LEVEL": "warning"}
    async with Server(folder=tmp_path, settings=settings, environ=environ, workers=workers) as server:
        said = await ask(server, "/api/v1/admin/config")
        found = {f"{one['section']}.{one['name']}": one for one in said["settings"]}
        assert found["uploads.max_size"]["source"] == "flag --set uploads.max_size"
        assert found["log.level"]["value"] == '"warning"'
        assert "TUSD_PY_LOG__LEVEL" in found["log.level"]["source"]
        assert (found["server.page"]["source"], found["server.page"]["is_default"]) == ("default", True)
        assert "xxx" not in found["access.jwt_secret"]["value"]
        assert not found["access.jwt_secret"]["is_default"]


async def test_an_infected_file_is_listed_and_released_once(scanning: Server) -> None:
    sent = await send(scanning, INFECTED)
    await until_settled(scanning)
    page = await ask(scanning, QUARANTINE)
    (found,) = page["files"]
    assert (found["upload_id"], found["finding"], found["released_by"]) == (sent.id, SIGNATURE, None)
    assert page["next"] is None
    target = f"{QUARANTINE}/{found['file_id']}/versions/{found['version']}"
    assert (await request(scanning.address, "POST", f"{target}/release")).status == 204
    assert (await request(scanning.address, "GET", f"/file/{found['file_id']}")).body == EICAR
    again = await request(scanning.address, "POST", f"{target}/release")
    assert (again.status, json.loads(again.body)["code"]) == (409, "ERR_NOT_IN_QUARANTINE")
    assert json.loads(again.body)["detail"] == "it was released by anonymous"


async def test_a_decision_is_about_what_the_operator_was_shown(scanning: Server) -> None:
    await send(scanning, INFECTED)
    await until_settled(scanning)
    (found,) = (await ask(scanning, QUARANTINE))["files"]
    version = f"{QUARANTINE}/{found['file_id']}/versions/1"
    for method, target in (("POST", f"{version}/release"), ("DELETE", version)):
        refused = await request(scanning.address, method, f"{target}?finding=Other")
        assert (refused.status, json.loads(refused.body)["code"]) == (409, "ERR_NOT_IN_QUARANTINE")
        assert json.loads(refused.body)["detail"] == f"what was found is {SIGNATURE!r}, not 'Other'"
        for odd in ("found=x", "finding=a&finding=b"):
            assert (await request(scanning.address, method, f"{target}?{odd}")).status == 400
    (same,) = (await ask(scanning, QUARANTINE))["files"]
    assert same["released_by"] is None
    shown = f"{version}/release?finding={SIGNATURE}"
    assert (await request(scanning.address, "POST", shown)).status == 204


async def test_an_infected_file_is_deleted_for_good(scanning: Server) -> None:
    await send(scanning, INFECTED)
    await send(scanning, INFECTED)
    await until_settled(scanning)
    first = await ask(scanning, f"{QUARANTINE}?limit=1")
    second = await ask(scanning, f"{QUARANTINE}?limit=1&cursor={first['next']}")
    ids = [page["files"][0]["file_id"] for page in (first, second)]
    assert len(set(ids)) == 2
    for file_id in ids:
        target = f"{QUARANTINE}/{file_id}/versions/1"
        assert (await request(scanning.address, "DELETE", target)).status == 204
        assert (await request(scanning.address, "DELETE", target)).status == 404
        assert (await request(scanning.address, "GET", f"/file/{file_id}")).status in (404, 410)
    assert (await ask(scanning, QUARANTINE))["files"] == []


@pytest.mark.parametrize("query", ["cursor=x", "cursor=", "limit=0", "limit=501"])
async def test_a_question_that_is_none_is_refused(server: Server, query: str) -> None:
    answer = await request(server.address, "GET", f"{QUARANTINE}?{query}")
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "ERR_INVALID_QUERY")
