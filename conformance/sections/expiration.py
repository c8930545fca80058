"""Extension: Expiration."""

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from conformance.checks import Section
from conformance.exchange import Response
from conformance.probe import TUS, Probe
from conformance.verdict import Failed, Level, NotOffered, Unclear
from conformance.want import want_header, want_status

SECTION = Section("Expiration")

NEEDS = ("expiration",)

_WAIT = 12.0
"""Seconds that are waited for an upload to expire; a later date is not waited for."""


@SECTION.check(
    "EXP-1",
    level=Level.MUST,
    wants="A server whose unfinished uploads expire adds expiration to Tus-Extension.",
)
async def expiration_is_announced(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, "Upload-Length: 10")
    told = response.header("Upload-Expires")
    if probe.announces("expiration"):
        return
    if told:
        raise Failed("Upload-Expires came, but expiration is not in Tus-Extension")
    raise NotOffered("expiration is not in Tus-Extension")


@SECTION.check(
    "EXP-2",
    level=Level.MUST,
    wants="Upload-Expires is in the response to every PATCH, if the upload is going to expire.",
    needs=NEEDS,
)
async def every_patch_says_when(probe: Probe) -> None:
    created = await probe.ask("POST", probe.base, TUS, "Upload-Length: 20")
    upload = probe.created(created)
    patches = [await probe.patch(upload, offset, b"hello") for offset in (0, 5)]
    head = await probe.head(upload)
    if not any(answer.header("Upload-Expires") for answer in (created, *patches, head)):
        raise Unclear("no Upload-Expires came with POST, PATCH or HEAD, so perhaps nothing expires")
    for patched in patches:
        want_header(patched, "Upload-Expires")
    if not probe.announces("concatenation"):
        return
    # Of no use to anybody until it is put together with others, so it may well expire with all its bytes.
    partial = await probe.create(5, "Upload-Concat: partial")
    last = await probe.patch(partial, 0, b"hello")
    if (await probe.head_when_free(partial)).header("Upload-Expires"):
        want_header(last, "Upload-Expires")


@SECTION.check(
    "EXP-2",
    level=Level.MUST,
    wants="If the date is known at the creation, Upload-Expires is in the response to the POST.",
    needs=NEEDS,
)
async def the_post_says_when(probe: Probe) -> None:
    created = await probe.ask("POST", probe.base, TUS, "Upload-Length: 20")
    if created.header("Upload-Expires"):
        return
    head = await probe.head(probe.created(created))
    if head.header("Upload-Expires"):
        raise Failed("HEAD right after the POST says Upload-Expires, the POST did not")
    raise Unclear("the date may not be known at the creation")


@SECTION.check(
    "EXP-2",
    level=Level.HABIT,
    wants="HEAD, and a PATCH that is refused, say Upload-Expires too.",
    needs=NEEDS,
)
async def other_answers_say_when(probe: Probe) -> None:
    upload = await probe.create(20)
    want_header(await probe.head(upload), "Upload-Expires")
    refused = await probe.patch(upload, 7, b"hello")
    want_status(refused, 409)
    want_header(refused, "Upload-Expires")


@SECTION.check(
    "EXP-3",
    level=Level.MUST,
    wants="Upload-Expires is a date as HTTP writes it (RFC 9110, 5.6.7): Wed, 25 Jun 2014 16:00:00 GMT.",
    needs=NEEDS,
)
async def dates_are_written_as_in_http(probe: Probe) -> None:
    created = await probe.ask("POST", probe.base, TUS, "Upload-Length: 20")
    patched = await probe.patch(probe.created(created), 0, b"hello")
    told = [text for answer in (created, patched) for text in answer.every("Upload-Expires")]
    if not told:
        raise Unclear("no Upload-Expires came")
    for text in told:
        _date(text)


def _date(text: str) -> datetime:
    """Raises Failed unless it is an IMF-fixdate, to the letter."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError as error:
        raise Failed(f"wanted a date such as Wed, 25 Jun 2014 16:00:00 GMT, found {text!r}") from error
    if date.tzinfo is None or format_datetime(date.astimezone(UTC), usegmt=True) != text:
        raise Failed(f"wanted a date such as Wed, 25 Jun 2014 16:00:00 GMT, found {text!r}")
    return date


def _seconds_left(answer: Response) -> float:
    """Until the upload expires by the server's own clock. Raises Unclear without a date."""
    text = answer.header("Upload-Expires")
    if text is None:
        raise Unclear("no Upload-Expires came")
    date = answer.header("Date")
    now = parsedate_to_datetime(date) if date else datetime.now(UTC)
    return (_date(text) - now).total_seconds()


@SECTION.check(
    "EXP-3",
    level=Level.SHOULD,
    wants="An upload that was just made expires in the future.",
    needs=NEEDS,
)
async def new_uploads_expire_later(probe: Probe) -> None:
    left = _seconds_left(await probe.ask("POST", probe.base, TUS, "Upload-Length: 20"))
    if left < 0:
        raise Failed(f"wanted a date to come, found one {-left:.0f} s ago")


@SECTION.check(
    "EXP-4",
    level=Level.SHOULD,
    wants="Once it has expired, an upload is answered 404 or 410.",
    needs=NEEDS,
)
async def an_expired_upload_is_gone(probe: Probe) -> None:
    created = await probe.ask("POST", probe.base, TUS, "Upload-Length: 20")
    left = _seconds_left(created)
    if left > _WAIT:
        raise Unclear(f"uploads expire in {left:.0f} s, which is too long to wait for")
    await asyncio.sleep(max(left, 0) + 1.5)
    upload = probe.created(created)
    want_status(await probe.patch(upload, 0, b"hello"), 404, 410)
    want_status(await probe.head(upload), 404, 410)


@SECTION.check(
    "EXP-5",
    level=Level.HABIT,
    wants="Only unfinished uploads expire: a complete one says no date, or is still there after it.",
    needs=NEEDS,
)
async def a_complete_upload_does_not_expire(probe: Probe) -> None:
    upload = await probe.uploaded(b"hello")
    head = await probe.head_when_free(upload)
    if head.header("Upload-Expires") is None:
        return
    left = _seconds_left(head)
    if left > _WAIT:
        raise Unclear(
            f"a complete upload says that it expires in {left:.0f} s, which is too long to wait for"
        )
    await asyncio.sleep(max(left, 0) + 1.5)
    want_status(await probe.head(upload), 200, 204)
