"""Extension: Checksum, in trailers."""

from conformance.checks import Section
from conformance.probe import Probe
from conformance.request import Chunked
from conformance.verdict import Failed, Level, NotOffered
from conformance.want import want_content, want_no_success, want_offset, want_status

from .checksum import HELLO, RIGHT

SECTION = Section("Checksum, trailers")

NEEDS = ("checksum-trailer",)
ANNOUNCED = "Trailer: Upload-Checksum"


@SECTION.check(
    "TRL-1",
    level=Level.MUST,
    wants="A server that reads checksums from trailers adds checksum-trailer to Tus-Extension.",
    needs=("checksum",),
)
async def trailers_are_announced(probe: Probe) -> None:
    if probe.announces("checksum-trailer"):
        return
    upload = await probe.create(11)
    response = await probe.patch(upload, 0, Chunked((b"hello wOrld",), (RIGHT,)), ANNOUNCED)
    if response.status == 460:
        raise Failed("a checksum in a trailer was verified, but checksum-trailer is not in Tus-Extension")
    raise NotOffered("checksum-trailer is not in Tus-Extension")


@SECTION.check(
    "TRL-1",
    level=Level.MUST,
    wants="A matching Upload-Checksum in the trailer is accepted.",
    needs=NEEDS,
)
async def a_matching_trailer_is_accepted(probe: Probe) -> None:
    upload = await probe.create(11)
    want_status(await probe.patch(upload, 0, Chunked((b"hello", b" world"), (RIGHT,)), ANNOUNCED), 204)
    await want_offset(probe, upload, 11, "because the checksum matched")
    await want_content(probe, upload, HELLO)


@SECTION.check(
    "TRL-1",
    level=Level.MUST,
    wants="If the checksum in the trailer does not match, the bytes are discarded.",
    needs=NEEDS,
)
async def a_wrong_trailer_changes_nothing(probe: Probe) -> None:
    upload = await probe.create(11)
    response = await probe.patch(upload, 0, Chunked((b"hello wOrld",), (RIGHT,)), ANNOUNCED)
    want_no_success(response, "a wrong checksum in the trailer")
    await want_offset(probe, upload, 0, "because the checksum did not match")
    want_status(response, 460)


@SECTION.check(
    "TRL-2",
    level=Level.HABIT,
    wants="If the trailer that was announced does not come, nothing is stored.",
    needs=NEEDS,
)
async def a_missing_trailer_stores_nothing(probe: Probe) -> None:
    upload = await probe.create(11)
    want_no_success(await probe.patch(upload, 0, Chunked((HELLO,)), ANNOUNCED), "a missing trailer")
    await want_offset(probe, upload, 0, "because the checksum never came")


@SECTION.check(
    "TRL-2",
    level=Level.HABIT,
    wants="A checksum in the header and another one in the trailer are refused.",
    needs=NEEDS,
)
async def header_and_trailer_must_agree(probe: Probe) -> None:
    upload = await probe.create(11)
    other = "Upload-Checksum: sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00="  # of "hello"
    response = await probe.patch(upload, 0, Chunked((HELLO,), (other,)), RIGHT, ANNOUNCED)
    want_no_success(response, "two checksums that differ")
    await want_offset(probe, upload, 0, "because the checksums differ")


@SECTION.check(
    "TRL-3",
    level=Level.HABIT,
    wants="The trailer of a small body, sent at once with its request, is not lost.",
    needs=NEEDS,
)
async def a_small_body_keeps_its_trailer(probe: Probe) -> None:
    upload = await probe.create(1)
    # Of "hello world", so it must not match.
    response = await probe.patch(upload, 0, Chunked((b"h",), (RIGHT,)), ANNOUNCED)
    want_status(response, 460)
    await want_offset(probe, upload, 0, "because the checksum did not match")
