"""A report for programs.

Belongs here: the shape of the JSON. Not here: words for people (report_text.py).
"""

import json

from .exchange import Exchange
from .requirements import REQUIREMENTS, UNSEEN, covered
from .run import Outcome, Report


def json_of(report: Report) -> str:
    """One object; `checks` in the order of the specification."""
    asked = covered(name for outcome in report.outcomes for name in outcome.check.ids)
    written = {
        "url": report.url,
        "versions": list(report.offer.versions),
        "extensions": sorted(report.offer.extensions),
        "upload_limit": report.offer.limits,
        "seconds": round(report.seconds, 3),
        "covered": asked,
        "requirements": len(REQUIREMENTS),
        "not_covered": UNSEEN,
        "fell_during": list(report.fell_during),
        "checks": [_outcome(outcome) for outcome in report.outcomes],
    }
    return json.dumps(written, indent=2)


def _outcome(outcome: Outcome) -> dict[str, object]:
    check, finding = outcome.check, outcome.finding
    return {
        "ids": list(check.ids),
        "name": check.name,
        "level": check.level.value,
        "specification": check.specification.name_in_full,
        "section": check.section,
        "wants": check.wants,
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "seconds": round(finding.seconds, 3),
        "exchanges": [_exchange(exchange) for exchange in finding.exchanges],
    }


def _exchange(exchange: Exchange) -> dict[str, str]:
    return {"sent": exchange.request_text, "came": exchange.response_text}
