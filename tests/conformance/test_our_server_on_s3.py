"""The suite against our own server on an object store."""

from pathlib import Path

import pytest

from conformance.catalogue import chosen
from conformance.probe import Subject
from conformance.report_text import lines_of
from conformance.resource import Resource
from conformance.run import examine
from conformance.verdict import Level, Verdict
from tests.harness.server import Server
from tests.services.seaweedfs import Bucket

MAX_SIZE = 1 << 20


@pytest.fixture(params=["sqlite", "postgres"])
def on_s3(request: pytest.FixtureRequest, tmp_path: Path, bucket: Bucket) -> Server:
    """One worker over SQLite, or two over Postgres."""
    settings = {**bucket.settings(), "uploads.max_size": str(MAX_SIZE)}
    if request.param == "sqlite":
        return Server(folder=tmp_path, settings=settings)
    url = str(request.getfixturevalue("postgres_dsn"))
    return Server(folder=tmp_path, settings=settings, database_url=url, workers=2)


async def test_our_server_does_all_that_it_must_on_s3(on_s3: Server) -> None:
    async with on_s3 as server:
        subject = Subject(base=Resource.parse(server.files_url))
        report = await examine(subject, chosen((), ()), jobs=8, within=100)
    explained = "\n".join(lines_of(report))
    found = report.outcomes
    assert not [one.check.name for one in found if one.finding.verdict is Verdict.FAIL], explained
    musts = [one for one in found if one.check.level is Level.MUST]
    assert not [one.check.name for one in musts if one.finding.verdict is Verdict.UNCLEAR], explained
    assert not report.fell_during, explained
