"""IETF draft: OPTIONS, and what Upload-Limit says while an upload lasts."""

import asyncio

from conformance.checks import Section
from conformance.draft import ANNOUNCED, append, begin, create
from conformance.exchange import Response
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.specification import Specification
from conformance.verdict import Failed, Level, NotOffered
from conformance.want import want_success
from conformance.want_draft import want_limits

SECTION = Section("Limits", specification=Specification.IETF)

NEEDS = (DRAFT,)

_TOLERANCE = 2.0
"""Seconds by which the end of an upload's life may seem to move, as answers round and take their time."""


@SECTION.check(
    "RUFH-OPT-1",
    level=Level.MUST,
    wants="OPTIONS on a resource that creates resumable uploads carries Upload-Limit.",
)
async def the_draft_is_announced(probe: Probe) -> None:
    options = await probe.ask("OPTIONS", probe.base)
    if probe.offer.limits is not None:
        want_success(options)
        want_limits(options)
        return
    made = await begin(probe, body=b"hello")
    if ANNOUNCED in made.interim or (made.succeeded and made.every("Upload-Complete")):
        raise Failed(
            "a resumable upload was created, but Upload-Limit is not in the answer to OPTIONS", options
        )
    raise NotOffered("Upload-Limit is not in the answer to OPTIONS")


@SECTION.check(
    "RUFH-SF-3",
    level=Level.MUST,
    wants="Upload-Limit is a Dictionary of Integers, min-size=0 if there is no limit, wherever it is said.",
    needs=NEEDS,
)
async def the_limits_are_integers(probe: Probe) -> None:
    want_limits(await probe.ask("OPTIONS", probe.base))
    made = await begin(probe)
    upload = probe.created(made)
    head = await probe.head(upload)
    for response in (made, *made.before, head):
        if response.every(DRAFT):
            want_limits(response)


@SECTION.check(
    "RUFH-LIM-1",
    level=Level.SHOULD,
    wants="The limits of an upload are not tighter than OPTIONS said, and do not tighten while it lasts.",
    needs=NEEDS,
)
async def limits_do_not_tighten(probe: Probe) -> None:
    before = want_limits(await probe.ask("OPTIONS", probe.base))
    for response in await _life(probe):
        limits = want_limits(response)
        _want_no_tighter(response, before, limits)
        before |= limits


def _want_no_tighter(response: Response, before: dict[str, int], limits: dict[str, int]) -> None:
    for name in ("max-size", "max-append-size"):
        if name in limits and (name not in before or limits[name] < before[name]):
            raise Failed(f"{name} fell from {before.get(name, 'none')} to {limits[name]}", response)
    for name in ("min-size", "min-append-size"):
        if limits.get(name, 0) > before.get(name, 0):
            raise Failed(f"{name} rose from {before.get(name, 0)} to {limits[name]}", response)


@SECTION.check(
    "RUFH-LIM-1",
    level=Level.SHOULD,
    wants="The end of an upload's life, as max-age implies it, does not come nearer.",
    needs=NEEDS,
)
async def the_end_of_life_does_not_come_nearer(probe: Probe) -> None:
    loop = asyncio.get_running_loop()
    upload = await create(probe)
    ends: list[float] = []
    for _ in range(4):
        response = await probe.head(upload)
        age = want_limits(response).get("max-age")
        if age is None:
            raise NotOffered("there is no max-age in Upload-Limit")
        ends.append(loop.time() + age)
        if ends[-1] < max(ends) - _TOLERANCE:
            raise Failed(f"the end came nearer by {max(ends) - ends[-1]:.0f} s", response)


async def _life(probe: Probe) -> list[Response]:
    """Those answers to an upload that say limits, in order."""
    made = await begin(probe)
    upload = probe.created(made)
    first = await probe.head(upload)
    appended = await append(probe, upload, 0, b"hello")
    answers = (*made.before, made, first, appended, await probe.head(upload))
    return [response for response in answers if response.every(DRAFT)]
