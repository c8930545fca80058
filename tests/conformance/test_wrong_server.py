"""The suite against a server that is right, and against the same server with one mistake at a time."""

import pytest

from conformance.catalogue import chosen
from conformance.probe import Subject
from conformance.requirements import REQUIREMENTS, UNSEEN, covered
from conformance.resource import Resource
from conformance.run import Report, examine
from conformance.specification import Specification
from conformance.verdict import Level, Verdict

from .wrong_server import Bug, DraftBug, WrongServer

# A date that a test can wait for; the others must not reach it.
LIFETIMES = {Bug.EXPIRED_LIVES: 1.0}

PATIENCE = 1.0
"""Seconds for a server whose mistake may be to say nothing; it is in this process, and answers at once."""

DRAFT_CHECKS = {check.name: check for check in chosen((), (), (Specification.IETF,))}


async def run(server: WrongServer, *ids: str, patience: float = 5.0) -> Report:
    subject = Subject(base=Resource.parse(server.url), patience=patience)
    return await examine(subject, chosen(ids, ()), jobs=8, within=50)


def told(report: Report, *verdicts: Verdict) -> list[str]:
    return [
        f"{outcome.check.ids} {outcome.check.name}: {outcome.finding.reason}"
        for outcome in report.outcomes
        if outcome.finding.verdict in verdicts
    ]


async def test_a_server_without_mistakes_fails_nothing() -> None:
    async with WrongServer() as server:
        report = await run(server)
    assert not told(report, Verdict.FAIL)
    assert not [
        outcome.check.ids
        for outcome in report.outcomes
        if outcome.check.level is Level.MUST and outcome.finding.verdict is not Verdict.PASS
    ]
    assert report.seconds < 60


@pytest.mark.parametrize("bug", Bug, ids=lambda bug: bug.name.lower())
async def test_each_mistake_is_caught(bug: Bug) -> None:
    lifetime = LIFETIMES.get(bug, 3600.0)
    async with WrongServer(bug, lifetime=lifetime) as server:
        wrong = await run(server, bug.caught_by, patience=PATIENCE)
    assert told(wrong, Verdict.FAIL), told(wrong, *Verdict)


@pytest.mark.parametrize("bug", DraftBug, ids=lambda bug: bug.name.lower())
async def test_each_mistake_in_the_draft_is_caught_by_its_check(bug: DraftBug) -> None:
    async with WrongServer(bug) as server:
        subject = Subject(base=Resource.parse(server.url), patience=PATIENCE)
        wrong = await examine(subject, [DRAFT_CHECKS[bug.caught_by]], jobs=1, within=50)
    assert told(wrong, Verdict.FAIL), told(wrong, *Verdict)


def test_each_check_of_the_draft_has_a_mistake_that_it_catches() -> None:
    assert {bug.caught_by for bug in DraftBug} == set(DRAFT_CHECKS)


@pytest.mark.parametrize("bug", LIFETIMES, ids=lambda bug: bug.name.lower())
async def test_without_the_mistake_the_same_server_passes(bug: Bug) -> None:
    async with WrongServer(lifetime=LIFETIMES[bug]) as server:
        right = await run(server, bug.caught_by)
    assert not told(right, Verdict.FAIL, Verdict.UNCLEAR)


def test_every_requirement_that_can_be_seen_has_a_check() -> None:
    asked = covered(name for check in chosen((), ()) for name in check.ids)
    assert set(REQUIREMENTS) - set(asked) == set(UNSEEN)
    assert len(REQUIREMENTS) == 138
    assert len(asked) >= 135


def test_every_id_of_a_check_is_a_requirement() -> None:
    assert {name for check in chosen((), ()) for name in check.ids} <= set(REQUIREMENTS)
