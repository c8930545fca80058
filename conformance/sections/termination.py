"""Extension: Termination."""

import asyncio

from conformance.checks import Section
from conformance.probe import OCTETS, TUS, Probe
from conformance.verdict import Failed, Level, NotOffered, Unclear
from conformance.want import want_content, want_gone, want_no_header, want_status, want_success

SECTION = Section("Termination")

NEEDS = ("termination",)

_GIVEN_TIME = 0.3
"""Seconds for a server to read what is half sent."""


@SECTION.check(
    "TERM-1",
    level=Level.MUST,
    wants="A server that lets uploads be terminated adds termination to Tus-Extension.",
)
async def termination_is_announced(probe: Probe) -> None:
    upload = await probe.create(10)
    response = await probe.delete(upload)
    if probe.announces("termination"):
        want_success(response)
    elif response.status == 204:
        raise Failed("an upload was terminated, but termination is not in Tus-Extension")
    else:
        raise NotOffered("termination is not in Tus-Extension")


@SECTION.check(
    "TERM-1",
    level=Level.MUST,
    wants="DELETE is answered 204, for complete and for unfinished uploads.",
    needs=NEEDS,
)
async def uploads_can_be_terminated(probe: Probe) -> None:
    unfinished = await probe.create(10)
    await probe.patch(unfinished, 0, b"hello")
    for upload in (await probe.create(10), unfinished, await probe.uploaded(b"hello")):
        response = await probe.delete(upload)
        want_status(response, 204)
        want_no_header(response, "Content-Length")


@SECTION.check(
    "TERM-2",
    level=Level.SHOULD,
    wants="All later requests for a terminated upload are answered 404 or 410.",
    needs=NEEDS,
)
async def a_terminated_upload_is_gone(probe: Probe) -> None:
    for upload in (await probe.create(10), await probe.uploaded(b"hello")):
        want_status(await probe.delete(upload), 204)
        await want_gone(probe, upload)
        want_status(await probe.patch(upload, 0, b"hello"), 404, 410)
        want_status(await probe.delete(upload), 404, 410)
        if (await probe.ask("GET", upload, TUS)).succeeded:
            raise Failed("a terminated upload can still be downloaded")


@SECTION.check(
    "TERM-3",
    level=Level.SHOULD,
    wants="DELETE of an upload that never existed is answered 404.",
    needs=NEEDS,
)
async def nothing_cannot_be_terminated(probe: Probe) -> None:
    want_status(await probe.delete(probe.base.beside("00000000000000000000000000000000")), 404, 410)


@SECTION.check(
    "TERM-3",
    level=Level.HABIT,
    wants="An upload that is terminated during a PATCH does not come back.",
    needs=NEEDS,
)
async def a_terminated_upload_does_not_come_back(probe: Probe) -> None:
    upload = await probe.create(10)
    lines = (TUS, OCTETS, "Upload-Offset: 0", "Content-Length: 10")
    sent = probe.head_bytes("PATCH", upload, *lines) + b"hello"
    async with probe.connect(upload) as connection:
        await connection.write(sent)
        await asyncio.sleep(_GIVEN_TIME)
        probe.note(sent, "left hanging")
        deleted = await probe.delete(upload)
        await connection.write(b" worl")
        await asyncio.sleep(_GIVEN_TIME)
    if deleted.status == 423:
        return
    want_status(deleted, 204)
    await want_gone(probe, upload)


@SECTION.check(
    "TERM-4",
    level=Level.HABIT,
    wants="Without the extension DELETE is refused and deletes nothing.",
)
async def without_the_extension_nothing_is_deleted(probe: Probe) -> None:
    if probe.announces("termination"):
        raise NotOffered("termination is announced, so this cannot be asked")
    upload = await probe.create(10)
    want_status(await probe.delete(upload), 400, 403, 404, 405, 501)
    if await probe.offset(upload) != 0:
        raise Failed("the upload is gone")


@SECTION.check(
    "TERM-4",
    level=Level.HABIT,
    wants="DELETE of a partial upload does not hurt the final upload that was made of it.",
    needs=("termination", "concatenation"),
)
async def a_final_survives_its_partials(probe: Probe) -> None:
    partial = await probe.uploaded(b"hello", "Upload-Concat: partial")
    made = await probe.ask("POST", probe.base, TUS, f"Upload-Concat: final;{partial.url}")
    final = probe.created(made)
    if await probe.settles(final, 5) != 5:
        raise Unclear("the final upload was not finished in time")
    want_status(await probe.delete(partial), 204, 403, 409, 423)
    want_success(await probe.head(final))
    await want_content(probe, final, b"hello")
