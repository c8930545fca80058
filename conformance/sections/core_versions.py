"""Core: Tus-Resumable and Tus-Version."""

import re

from conformance.checks import Section
from conformance.probe import OCTETS, TUS, Probe
from conformance.verdict import Failed, Level
from conformance.want import (
    want_header,
    want_no_header,
    want_no_success,
    want_offset,
    want_status,
    want_value,
)

SECTION = Section("Core Protocol, Tus-Resumable")

FOREIGN = ("0.2.2", "1.0", "1.0.1", "99.99.99")


@SECTION.check(
    "CORE-VER-1",
    level=Level.MUST,
    wants="Every request but OPTIONS carries Tus-Resumable; without it the answer is 412 with Tus-Version,"
    " and nothing is done.",
)
async def a_request_without_a_version_changes_nothing(probe: Probe) -> None:
    made = await probe.ask("POST", probe.base, "Upload-Length: 5")
    want_status(made, 412)
    want_header(made, "Tus-Version")
    want_no_header(made, "Location")
    upload = await probe.create(10)
    patched = await probe.ask("PATCH", upload, OCTETS, "Upload-Offset: 0", body=b"hello")
    want_status(patched, 412)
    want_header(patched, "Tus-Version")
    if probe.announces("termination"):
        want_status(await probe.ask("DELETE", upload), 412)
    await want_offset(probe, upload, 0, "because a request without a version must not be processed")


@SECTION.check(
    "CORE-VER-1",
    level=Level.HABIT,
    wants="HEAD without Tus-Resumable is refused with 412 like every other request.",
)
async def a_head_without_a_version_is_refused(probe: Probe) -> None:
    upload = await probe.create(10)
    want_status(await probe.ask("HEAD", upload), 412)


@SECTION.check(
    "CORE-VER-2",
    level=Level.MUST,
    wants="Tus-Resumable is included in every response but that to OPTIONS, errors too.",
)
async def every_response_names_the_version(probe: Probe) -> None:
    upload = await probe.create(10)
    lost = probe.base.beside("00000000000000000000000000000000")
    at = "Upload-Offset: 0"
    for response in (
        await probe.ask("POST", probe.base, TUS, "Upload-Length: 3"),
        await probe.head(upload),
        await probe.patch(upload, 0, b"hello"),
        await probe.patch(upload, 3, b"hello"),
        await probe.ask("PATCH", upload, TUS, "Content-Type: text/plain", "Upload-Offset: 5", body=b"x"),
        await probe.ask("POST", probe.base, TUS),
        await probe.ask("POST", probe.base, TUS, "Upload-Length: x"),
        await probe.ask("PATCH", upload, OCTETS, at, body=b"x"),
        await probe.head(lost),
        await probe.patch(lost, 0, b"x"),
    ):
        want_value(response, "Tus-Resumable", "1.0.0")
    if probe.announces("termination"):
        want_value(await probe.delete(upload), "Tus-Resumable", "1.0.0")


@SECTION.check(
    "CORE-VER-2",
    level=Level.HABIT,
    wants="Also what a framework answers by itself (an unknown method) carries Tus-Resumable.",
)
async def what_the_framework_answers_names_the_version(probe: Probe) -> None:
    upload = await probe.create(10)
    for where in (probe.base, upload):
        want_value(await probe.ask("PUT", where, TUS), "Tus-Resumable", "1.0.0")


@SECTION.check(
    "CORE-VER-3",
    level=Level.MUST,
    wants="A version that the server does not speak is answered 412 with Tus-Version,"
    " and the request is not processed.",
)
async def a_foreign_version_changes_nothing(probe: Probe) -> None:
    upload = await probe.create(10)
    for version in FOREIGN:
        foreign = f"Tus-Resumable: {version}"
        made = await probe.ask("POST", probe.base, foreign, "Upload-Length: 5")
        want_status(made, 412)
        want_header(made, "Tus-Version")
        want_no_header(made, "Location")
        patched = await probe.ask("PATCH", upload, foreign, OCTETS, "Upload-Offset: 0", body=b"hello")
        want_status(patched, 412)
        want_header(patched, "Tus-Version")
        want_status(await probe.ask("HEAD", upload, foreign), 412)
    await want_offset(probe, upload, 0, "because a foreign version must not be processed")


@SECTION.check(
    "CORE-VER-3",
    level=Level.MUST,
    wants="The version is judged before the request is: 412 also where 404, 409 or 415 would be due.",
)
async def the_version_is_judged_first(probe: Probe) -> None:
    upload = await probe.create(10)
    foreign = "Tus-Resumable: 0.2.2"
    lost = probe.base.beside("00000000000000000000000000000000")
    want_status(await probe.ask("PATCH", upload, foreign, OCTETS, "Upload-Offset: 7", body=b"x"), 412)
    want_status(await probe.ask("PATCH", upload, foreign, "Upload-Offset: 0", body=b"x"), 412)
    want_status(await probe.ask("PATCH", lost, foreign, OCTETS, "Upload-Offset: 0", body=b"x"), 412)


@SECTION.check(
    "CORE-VER-3",
    level=Level.MUST,
    wants="A DELETE in a foreign version is answered 412 and deletes nothing.",
    needs=("termination",),
)
async def a_foreign_version_deletes_nothing(probe: Probe) -> None:
    upload = await probe.create(10)
    deleted = await probe.ask("DELETE", upload, "Tus-Resumable: 0.2.2")
    want_no_success(deleted, "a DELETE in version 0.2.2")
    want_status(deleted, 412)
    await want_offset(probe, upload, 0, "because the upload must still be there")


@SECTION.check(
    "CORE-VER-4",
    level=Level.MUST,
    wants="Tus-Version is a comma-separated list of protocol versions.",
)
async def the_versions_are_a_list(probe: Probe) -> None:
    answers = (
        await probe.ask("POST", probe.base, "Tus-Resumable: 99.99.99", "Upload-Length: 5"),
        await probe.ask("OPTIONS", probe.base),
    )
    for response in answers:
        listed = want_header(response, "Tus-Version")
        if not re.fullmatch(r"\d+\.\d+\.\d+([ \t]*,[ \t]*\d+\.\d+\.\d+)*", listed, re.ASCII):
            raise Failed(f"wanted a list such as 1.0.0,0.2.2 in Tus-Version, found {listed!r}")
        if "1.0.0" not in response.listed("Tus-Version"):
            raise Failed(f"wanted 1.0.0 in Tus-Version, found {listed!r}")
