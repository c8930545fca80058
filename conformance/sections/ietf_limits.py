"""IETF draft: what is refused because of a limit."""

from conformance.checks import Section
from conformance.draft import LAST, MORE, NAMED, appending, begin, create, finish
from conformance.exchange import Response
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.specification import Specification
from conformance.verdict import Level, NotOffered
from conformance.want import want_refusal, want_status, want_success
from conformance.want_draft import want_limits

SECTION = Section("Limits, Refusals", specification=Specification.IETF)

NEEDS = (DRAFT,)

_SMALL = 1 << 20
"""Bytes that may be sent in vain."""


@SECTION.check(
    "RUFH-PAT-6",
    level=Level.SHOULD,
    wants="What is refused because of a limit is refused with Upload-Limit.",
    needs=NEEDS,
)
async def a_refusal_for_a_limit_names_the_limits(probe: Probe) -> None:
    for refused in await _too_large(probe):
        want_refusal(refused)
        want_limits(refused)


@SECTION.check(
    "RUFH-PAT-6",
    level=Level.HABIT,
    wants="What is larger than max-size or max-append-size is answered 413: clients then send less.",
    needs=NEEDS,
)
async def what_is_too_large_is_answered_413(probe: Probe) -> None:
    for refused in await _too_large(probe):
        want_status(refused, 413)


async def _too_large(probe: Probe) -> list[Response]:
    """Answers to what is too large, as far as they are refusals: a server need not enforce its limits."""
    answers = []
    size, most = probe.offer.limit("max-size"), probe.offer.limit("max-append-size")
    if size is not None:
        answers.append(await begin(probe, f"Upload-Length: {size + 1}"))
    if most is not None and most < _SMALL:
        answers.append(await _appended(probe, most + 1))
    refused = [response for response in answers if not response.succeeded]
    if not refused:
        raise NotOffered("no limit that can be reached is announced and enforced")
    return refused


async def _appended(probe: Probe, size: int) -> Response:
    """The answer to so many bytes, which are sent only where they are called in."""
    upload = await create(probe)
    sent = appending(probe, upload, size, MORE, probe.greeting, "Expect: 100-continue")
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        if await probe.early(connection) is not None:
            await connection.write(b"x" * size)
        return await probe.answer(connection, sent, "PATCH")


@SECTION.check(
    "RUFH-CRE-1",
    level=Level.MUST,
    wants="min-append-size binds neither an empty creation nor a request with Upload-Complete: ?1.",
    needs=NEEDS,
)
async def the_least_append_does_not_bind_first_and_last(probe: Probe) -> None:
    if not probe.offer.limit("min-append-size"):
        raise NotOffered("there is no min-append-size in Upload-Limit")
    made = await probe.ask("POST", probe.base, probe.greeting, MORE, *NAMED)
    want_success(made)
    want_success(await finish(probe, probe.created(made), 0, b""))
    want_success(await probe.ask("POST", probe.base, probe.greeting, LAST, *NAMED))
