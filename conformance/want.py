"""What checks want of answers, said so that a person understands the refusal.

Belongs here: comparisons that raise Failed. Not here: requests.
"""

from .exchange import Response
from .probe import Probe
from .resource import Resource
from .verdict import Failed


def want_status(response: Response, *wanted: int) -> None:
    if response.status not in wanted:
        names = " or ".join(str(status) for status in wanted)
        raise Failed(f"wanted status {names}, found {response.status} {response.reason}".rstrip(), response)


def want_success(response: Response) -> None:
    if not response.succeeded:
        raise Failed(f"wanted a success, found {response.status} {response.reason}".rstrip(), response)


def want_refusal(response: Response) -> None:
    """The client is told that it erred; a 5xx would say that the server did."""
    if not response.refused:
        raise Failed(f"wanted a 4xx status, found {response.status} {response.reason}".rstrip(), response)


def want_no_success(response: Response, what: str) -> None:
    if response.succeeded:
        raise Failed(f"{what} was accepted with {response.status} {response.reason}".rstrip(), response)


def want_header(response: Response, name: str) -> str:
    """The header's value, which must be there once."""
    values = response.every(name)
    if not values:
        raise Failed(f"wanted the header {name} on the {response.status} response, found none", response)
    if len(set(values)) > 1:
        raise Failed(f"wanted one {name}, found {values}", response)
    return values[0]


def want_value(response: Response, name: str, value: str | int) -> None:
    found = response.every(name)
    if found != [str(value)]:
        raise Failed(
            f"wanted {name}: {value} on the {response.status} response, found {found or 'none'}", response
        )


def want_no_header(response: Response, name: str) -> None:
    if response.every(name):
        raise Failed(
            f"wanted no {name} on the {response.status} response, found {response.every(name)}", response
        )


def want_pairs(response: Response, raw: str) -> None:
    """Upload-Metadata says the same pairs, in whatever order and spacing."""
    found = response.header("Upload-Metadata") or ""
    if _pairs(found) != _pairs(raw):
        raise Failed(f"wanted the pairs {_pairs(raw)} in Upload-Metadata, found {_pairs(found)}", response)


def _pairs(raw: str) -> list[str]:
    return sorted(element.strip() for element in raw.split(","))


async def want_offset(probe: Probe, upload: Resource, offset: int, why: str) -> None:
    """HEAD says that offset."""
    found = await probe.offset(upload)
    if found != offset:
        raise Failed(f"wanted Upload-Offset {offset}, {why}; found {_told(found)}")


async def want_settled(probe: Probe, upload: Resource, offset: int, why: str) -> None:
    """HEAD says that offset soon: the server may need a moment to notice."""
    found = await probe.settles(upload, offset)
    if found != offset:
        raise Failed(f"wanted Upload-Offset {offset}, {why}; found {_told(found)}")


async def want_content(probe: Probe, upload: Resource, content: bytes) -> None:
    """GET gives these bytes, where the server has downloads at all."""
    found = await probe.content(upload)
    if found is not None and found != content:
        raise Failed(f"wanted the content {content[:80]!r}, found {found[:80]!r}")


async def want_gone(probe: Probe, upload: Resource) -> None:
    response = await probe.head(upload)
    want_status(response, 403, 404, 410)
    want_no_header(response, "Upload-Offset")


def _told(offset: int | None) -> str:
    return "none" if offset is None else str(offset)
