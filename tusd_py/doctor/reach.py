"""Is there a tus server behind the URL, and what does it say of itself?

Belongs here: OPTIONS. Not here: everything that needs an upload.
"""

from dataclasses import dataclass
from http import HTTPStatus

from .finding import Finding, well, wrong
from .site import Site, Unreachable

CHECK = "public URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What was found; `largest` is in bytes, None without a limit."""

    finding: Finding
    is_tus: bool
    largest: int | None = None


async def reach(site: Site) -> Reached:
    try:
        answer = await site.ask("OPTIONS", site.url, {})
    except Unreachable as failed:
        found = wrong(CHECK, str(failed), "is the proxy up, and its certificate one that clients believe?")
        return Reached(finding=found, is_tus=False)
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES or "tus-resumable" not in answer.headers:
        found = wrong(
            CHECK,
            f"OPTIONS {site.url} was answered {answer.status} without Tus-Resumable: no tus server",
            "let --url name where uploads are created (it ends in server.base_path), and the proxy pass "
            "OPTIONS",
        )
        return Reached(finding=found, is_tus=False)
    largest = answer.headers.get("tus-max-size", "")
    return Reached(
        finding=well(CHECK, f"{site.url} is a tus server"),
        is_tus=True,
        largest=int(largest) if largest.isdecimal() else None,
    )
