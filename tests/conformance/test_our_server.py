"""The suite against our own server, the real program."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.catalogue import chosen
from conformance.probe import Subject
from conformance.report_text import lines_of
from conformance.resource import Resource
from conformance.run import examine
from conformance.verdict import Level, Verdict
from tests.harness.server import ROOT, Server

MAX_SIZE = 1 << 20


# Each with each of the others; a folder, SQLite and one worker are what the last test here asks.
@pytest.fixture(
    params=[
        ("folder", "sqlite", 2),
        ("folder", "postgres", 1),
        ("bucket", "sqlite", 1),
        ("bucket", "postgres", 2),
    ],
    ids=lambda param: "{}, {}, workers: {}".format(*param),
)
def limited(request: pytest.FixtureRequest, tmp_path: Path) -> Server:
    """With a largest size, so that the checks for it have something to ask. Services only where wanted."""
    storage, database, workers = request.param
    settings = {"uploads.max_size": str(MAX_SIZE)}
    if storage == "bucket":
        settings |= request.getfixturevalue("bucket").settings()
    url = str(request.getfixturevalue("postgres_dsn")) if database == "postgres" else ""
    return Server(folder=tmp_path, database_url=url, workers=workers, settings=settings)


@pytest.mark.timeout(300)
async def test_our_server_does_all_that_it_must(limited: Server) -> None:
    async with limited as server:
        subject = Subject(base=Resource.parse(server.files_url), patience=20.0)
        report = await examine(subject, chosen((), ()), jobs=8, within=200)
    explained = "\n".join(lines_of(report))
    found = report.outcomes
    assert not [one.check.name for one in found if one.finding.verdict is Verdict.FAIL], explained
    musts = [one for one in found if one.check.level is Level.MUST]
    assert not [one.check.name for one in musts if one.finding.verdict is Verdict.UNCLEAR], explained
    assert not report.fell_during, explained


def test_the_program_prints_a_report_that_programs_can_read(shared_server: Server) -> None:
    command = [sys.executable, "-m", "conformance", shared_server.files_url, "--level", "must", "--json"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    report = json.loads(asked.stdout)
    assert not [check for check in report["checks"] if check["verdict"] == "fail"]
    assert asked.returncode == 0
    assert {check["level"] for check in report["checks"]} == {"must"}
    assert "creation" in report["extensions"]
