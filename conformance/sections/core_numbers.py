"""Core: Upload-Offset and Upload-Length as numbers."""

from conformance.checks import Section
from conformance.probe import OCTETS, TUS, Probe
from conformance.verdict import Failed, Level, Unclear
from conformance.want import want_no_success, want_offset, want_refusal, want_status, want_value

SECTION = Section("Core Protocol, Upload-Offset and Upload-Length")

# Each would be 5 to a parser that is too kind; the last one is an Arabic digit.
NOT_FIVE = ("+5", "5.0", "0x5", "5e0", "0_5", "5 5", "5,5", "5;5", "-5", "five", "", "\u0665")

_PAST_DOUBLE = 2**53 + 1
_PAST_INT64 = 2**63
_MANY_DIGITS = "9" * 5000


@SECTION.check(
    "CORE-OFF-1",
    level=Level.MUST,
    wants="Upload-Offset is a non-negative integer; nothing else is taken for one.",
)
async def an_offset_is_a_plain_number(probe: Probe) -> None:
    upload = await probe.create(20)
    await probe.patch(upload, 0, b"hello")
    for text in NOT_FIVE:
        patched = await probe.patch(upload, text, b"world")
        want_no_success(patched, f"Upload-Offset {text!r}")
        await want_offset(probe, upload, 5, f"because {text!r} is no offset")


@SECTION.check(
    "CORE-OFF-1",
    level=Level.HABIT,
    wants="A malformed or missing Upload-Offset is answered 400.",
)
async def a_malformed_offset_is_answered_400(probe: Probe) -> None:
    upload = await probe.create(20)
    for text in NOT_FIVE:
        want_status(await probe.patch(upload, text, b"world"), 400)
    want_status(await probe.ask("PATCH", upload, TUS, OCTETS, body=b"world"), 400)


@SECTION.check(
    "CORE-OFF-2",
    level=Level.HABIT,
    wants="Leading zeros are treated alike in Upload-Offset and Upload-Length, and -0 is no offset.",
)
async def leading_zeros_are_treated_alike(probe: Probe) -> None:
    upload = await probe.create(20)
    length = await probe.ask("POST", probe.base, TUS, "Upload-Length: 007")
    offset = await probe.patch(upload, "000", b"hello")
    if length.succeeded != offset.succeeded:
        raise Failed(f"Upload-Length 007 was answered {length.status}, Upload-Offset 000 {offset.status}")
    other = await probe.create(20)
    want_status(await probe.patch(other, "-0", b"hello"), 400)


@SECTION.check(
    "CORE-OFF-3",
    level=Level.HABIT,
    wants="Numbers past 2^53 keep every digit.",
)
async def large_lengths_keep_every_digit(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, f"Upload-Length: {_PAST_DOUBLE}")
    if response.status == 507:
        raise Unclear("the server has no room for so large an upload")
    if not response.succeeded:
        want_status(response, 400, 413)
        return
    want_value(await probe.head(probe.created(response)), "Upload-Length", _PAST_DOUBLE)


@SECTION.check(
    "CORE-OFF-3",
    level=Level.HABIT,
    wants="Numbers past 2^63, and of thousands of digits, are refused with 4xx, never 5xx.",
)
async def absurd_numbers_are_refused(probe: Probe) -> None:
    upload = await probe.create(20)
    for digits in (str(_PAST_INT64), _MANY_DIGITS):
        made = await probe.ask("POST", probe.base, TUS, f"Upload-Length: {digits}")
        if made.succeeded:
            want_value(await probe.head(probe.created(made)), "Upload-Length", digits)
        else:
            want_refusal(made)
        want_refusal(await probe.patch(upload, digits, b"hello"))


@SECTION.check(
    "CORE-OFF-4",
    level=Level.HABIT,
    wants="A header that is sent twice with different values is refused, not chosen from.",
)
async def contradictory_headers_are_refused(probe: Probe) -> None:
    upload = await probe.create(20)
    patched = await probe.patch(upload, 0, b"hello", "Upload-Offset: 7")
    want_refusal(patched)
    await want_offset(probe, upload, 0, "because the offset was said twice")
    want_refusal(await probe.ask("POST", probe.base, TUS, "Upload-Length: 5", "Upload-Length: 6"))


@SECTION.check(
    "CORE-LEN-1",
    level=Level.MUST,
    wants="Upload-Length is a non-negative integer; nothing else is taken for one.",
)
async def a_length_is_a_plain_number(probe: Probe) -> None:
    for text in NOT_FIVE:
        made = await probe.ask("POST", probe.base, TUS, f"Upload-Length: {text}")
        want_no_success(made, f"Upload-Length {text!r}")


@SECTION.check(
    "CORE-LEN-1",
    level=Level.HABIT,
    wants="A malformed Upload-Length is answered 400.",
)
async def a_malformed_length_is_answered_400(probe: Probe) -> None:
    for text in NOT_FIVE:
        want_status(await probe.ask("POST", probe.base, TUS, f"Upload-Length: {text}"), 400)
