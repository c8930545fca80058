"""A report for people: every red line with what was sent, what came, and what is wanted.

Belongs here: words and their order. Not here: what is true (run.py).
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .checks import Check
from .offer import DRAFT, Offer
from .requirements import REQUIREMENTS, UNSEEN, covered
from .run import Outcome, Report
from .verdict import Level, Verdict

_WIDTH = 110
_SHOWN = 2
"""Exchanges that are shown; the last but one is often the cause, the last one the proof."""

_SIGNS = {
    Verdict.PASS: "ok  ",
    Verdict.FAIL: "FAIL",
    Verdict.NOT_OFFERED: " -  ",
    Verdict.UNCLEAR: "  ? ",
}


def lines_of(report: Report) -> Iterator[str]:
    """The whole report."""
    yield f"{report.url}: tus {', '.join(report.offer.versions) or 'without Tus-Version'}"
    yield f"extensions: {', '.join(sorted(report.offer.extensions)) or 'none'}"
    yield f"IETF draft: {_draft(report.offer)}"
    yield ""
    for outcome in report.outcomes:
        yield _line(outcome)
    for outcome in report.outcomes:
        if outcome.finding.verdict is Verdict.FAIL:
            yield from _explained(outcome)
    yield ""
    yield from summary(report)


def _draft(offer: Offer) -> str:
    return "not announced" if offer.limits is None else f"{DRAFT}: {offer.limits}"


def _line(outcome: Outcome) -> str:
    check, finding = outcome.check, outcome.finding
    reason = f" ({finding.reason})" if finding.verdict in (Verdict.UNCLEAR, Verdict.NOT_OFFERED) else ""
    ids = ", ".join(check.ids)
    return f"{_SIGNS[finding.verdict]} {ids:<14} {check.level.value:<6}  {check.name}{reason}"


def _explained(outcome: Outcome) -> Iterator[str]:
    check, finding = outcome.check, outcome.finding
    yield ""
    yield f"== {', '.join(check.ids)} ({check.level.value.upper()}): {check.name}"
    wanted = f"{check.wants} [{_source(check)}]"
    yield from _wrapped("wanted: ", wanted)
    yield from _wrapped("found:  ", finding.reason)
    for exchange in finding.exchanges[-_SHOWN:]:
        yield from _quoted("sent", exchange.request_text)
        yield from _quoted("came", exchange.response_text)


def _wrapped(label: str, text: str) -> Iterator[str]:
    # Names of headers and drafts stay whole.
    indent = " " * len(label)
    yield from textwrap.wrap(
        text, _WIDTH, initial_indent=label, subsequent_indent=indent, break_on_hyphens=False
    )


def _source(check: Check) -> str:
    return (
        check.section
        if check.level is Level.HABIT
        else f"{check.specification.name_in_full}, {check.section}"
    )


def _quoted(label: str, text: str) -> Iterator[str]:
    yield f"  {label}:"
    for line in text.rstrip("\n").split("\n"):
        yield f"    | {line}".rstrip()


def summary(report: Report) -> Iterator[str]:
    """Counts by level and the ids that were asked for."""
    for level in Level:
        counts = Counter(
            outcome.finding.verdict for outcome in report.outcomes if outcome.check.level is level
        )
        told = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict)
        yield f"{level.value.upper():<6} {told}"
    yield from coverage(outcome.check for outcome in report.outcomes)
    judged = {
        name
        for outcome in report.outcomes
        if outcome.finding.verdict in (Verdict.PASS, Verdict.FAIL)
        for name in outcome.check.ids
    }
    yield f"judged on this server: {len(covered(judged))}; {report.seconds:.1f} s"
    if report.fell_during:
        yield "the server stopped answering anything, first during one of these:"
        yield from (f"  {name}" for name in report.fell_during)


def coverage(checks: Iterable[Check]) -> Iterator[str]:
    """How many of the numbered requirements these checks ask for."""
    asked = covered(name for check in checks for name in check.ids)
    yield f"covered: {len(asked)} of {len(REQUIREMENTS)} requirements"


def listing(checks: Sequence[Check]) -> Iterator[str]:
    """What `--list` prints."""
    for check in checks:
        needs = f" (needs {', '.join(check.needs)})" if check.needs else ""
        yield f"{', '.join(check.ids):<14} {check.level.value:<6}  {check.name}{needs}"
    yield ""
    yield from coverage(checks)
    for name, reason in UNSEEN.items():
        yield f"not covered: {name}: {reason}"
