"""Core: OPTIONS, the lists it carries, other methods, X-HTTP-Method-Override."""

import re

from conformance.checks import Section
from conformance.probe import OCTETS, TUS, Probe
from conformance.verdict import Failed, Level, NotOffered
from conformance.want import (
    want_header,
    want_no_success,
    want_offset,
    want_status,
    want_success,
    want_value,
)

SECTION = Section("Core Protocol, OPTIONS and Headers")

_KNOWN = frozenset(
    {
        "creation",
        "creation-defer-length",
        "creation-with-upload",
        "expiration",
        "checksum",
        "checksum-trailer",
        "termination",
        "concatenation",
        "concatenation-unfinished",
    }
)


@SECTION.check(
    "CORE-EXT-1",
    level=Level.MUST,
    wants="Tus-Extension is a comma-separated list of the extensions; it is omitted when there are none.",
)
async def the_extensions_are_a_list(probe: Probe) -> None:
    response = await probe.ask("OPTIONS", probe.base)
    for line in response.every("Tus-Extension"):
        if not re.fullmatch(r"[^\s,]+([ \t]*,[ \t]*[^\s,]+)*", line):
            raise Failed(f"wanted a comma-separated list in Tus-Extension, found {line!r}")
    names = response.listed("Tus-Extension")
    if len(set(names)) < len(names):
        raise Failed(f"wanted each extension once, found {names}")
    misspelt = {name for name in names if name.lower() in _KNOWN and name not in _KNOWN}
    if misspelt:
        raise Failed(f"wanted lower-case names, found {sorted(misspelt)}")


@SECTION.check(
    "CORE-EXT-1",
    level=Level.MUST,
    wants="Extensions that build on another are announced together with it.",
)
async def no_extension_lacks_its_foundation(probe: Probe) -> None:
    await probe.ask("OPTIONS", probe.base)
    for name, foundation in (
        ("creation-defer-length", "creation"),
        ("creation-with-upload", "creation"),
        ("checksum-trailer", "checksum"),
        ("concatenation-unfinished", "concatenation"),
    ):
        if probe.announces(name) and not probe.announces(foundation):
            raise Failed(f"{name} is announced, but not {foundation}")


@SECTION.check(
    "CORE-MAX-1",
    level=Level.MUST,
    wants="Tus-Max-Size is a non-negative integer, the largest allowed size of an entire upload.",
)
async def the_largest_size_is_a_number(probe: Probe) -> None:
    response = await probe.ask("OPTIONS", probe.base)
    found = response.header("Tus-Max-Size")
    if found is None:
        raise NotOffered("there is no Tus-Max-Size")
    if not (found.isascii() and found.isdigit()):
        raise Failed(f"wanted a non-negative integer in Tus-Max-Size, found {found!r}")


_SMALL = 1 << 20


@SECTION.check(
    "CORE-MAX-1",
    level=Level.SHOULD,
    wants="Tus-Max-Size holds for uploads whose length comes late, too.",
    needs=("creation-defer-length",),
)
async def the_largest_size_holds_for_late_lengths(probe: Probe) -> None:
    limit = probe.offer.max_size
    if limit is None:
        raise NotOffered("there is no Tus-Max-Size")
    upload = await probe.create_by("Upload-Defer-Length: 1")
    late = await probe.patch(upload, 0, b"x", f"Upload-Length: {limit + 1}")
    want_no_success(late, "a length above Tus-Max-Size")
    if limit <= _SMALL:
        want_no_success(await probe.patch(upload, 0, b"x" * (limit + 1)), "a body above Tus-Max-Size")


@SECTION.check(
    "CORE-XHMO-1",
    level=Level.MUST,
    wants="X-HTTP-Method-Override, if present, is the method; the actual method of the request is ignored.",
)
async def the_override_is_the_method(probe: Probe) -> None:
    upload = await probe.create(10)
    patched = await probe.ask(
        *("POST", upload, TUS, OCTETS, "Upload-Offset: 0", "X-HTTP-Method-Override: PATCH"), body=b"hello"
    )
    want_status(patched, 204)
    want_value(patched, "Upload-Offset", 5)
    await want_offset(probe, upload, 5, "because the POST stood for a PATCH")
    options = await probe.ask("POST", probe.base, "X-HTTP-Method-Override: OPTIONS")
    want_success(options)
    want_header(options, "Tus-Version")


@SECTION.check(
    "CORE-XHMO-1",
    level=Level.MUST,
    wants="X-HTTP-Method-Override works for any method, not only for POST.",
)
async def the_override_works_on_any_method(probe: Probe) -> None:
    upload = await probe.create(10)
    options = await probe.ask("GET", probe.base, "X-HTTP-Method-Override: OPTIONS")
    want_success(options)
    want_header(options, "Tus-Version")
    head = await probe.ask("GET", upload, TUS, "X-HTTP-Method-Override: HEAD")
    want_success(head)
    want_value(head, "Upload-Offset", 0)
    patched = await probe.ask(
        *("PUT", upload, TUS, OCTETS, "Upload-Offset: 0", "X-HTTP-Method-Override: PATCH"), body=b"hello"
    )
    want_status(patched, 204)


@SECTION.check(
    "CORE-XHMO-1",
    level=Level.MUST,
    wants="A DELETE by X-HTTP-Method-Override deletes.",
    needs=("termination",),
)
async def the_override_deletes(probe: Probe) -> None:
    upload = await probe.create(10)
    want_status(await probe.ask("POST", upload, TUS, "X-HTTP-Method-Override: DELETE"), 204)
    want_status(await probe.head(upload), 403, 404, 410)


@SECTION.check(
    "CORE-XHMO-1",
    level=Level.HABIT,
    wants="An unknown method in X-HTTP-Method-Override is refused, the actual method is not used instead.",
)
async def an_unknown_override_is_refused(probe: Probe) -> None:
    response = await probe.ask(
        "POST", probe.base, TUS, "Upload-Length: 5", "X-HTTP-Method-Override: NONSENSE"
    )
    want_status(response, 400, 404, 405, 501)


@SECTION.check(
    "CORE-OPT-1",
    level=Level.MUST,
    wants="OPTIONS is answered 200 or 204 with Tus-Version.",
)
async def options_is_answered(probe: Probe) -> None:
    response = await probe.ask("OPTIONS", probe.base)
    want_status(response, 200, 204)
    want_header(response, "Tus-Version")


@SECTION.check(
    "CORE-OPT-1",
    level=Level.MUST,
    wants="OPTIONS ignores Tus-Resumable, whatever it says.",
)
async def options_ignores_the_version(probe: Probe) -> None:
    for version in ("9.9.9", "1.0.0", "x"):
        response = await probe.ask("OPTIONS", probe.base, f"Tus-Resumable: {version}")
        want_status(response, 200, 204)
        want_header(response, "Tus-Version")


@SECTION.check(
    "CORE-OPT-1",
    level=Level.SHOULD,
    wants="OPTIONS works on an upload's URL as well.",
)
async def options_works_on_an_upload(probe: Probe) -> None:
    response = await probe.ask("OPTIONS", await probe.create(10))
    want_status(response, 200, 204)
    want_header(response, "Tus-Version")


@SECTION.check(
    "CORE-OPT-2",
    level=Level.MUST,
    wants="With the checksum extension, OPTIONS carries Tus-Checksum-Algorithm.",
    needs=("checksum",),
)
async def the_checksums_are_announced(probe: Probe) -> None:
    want_header(await probe.ask("OPTIONS", probe.base), "Tus-Checksum-Algorithm")


@SECTION.check(
    "CORE-METH-1",
    level=Level.HABIT,
    wants="A method that does not exist here is answered 405 with Allow (RFC 9110, 15.5.6).",
)
async def an_unknown_method_is_told_the_known_ones(probe: Probe) -> None:
    response = await probe.ask("PUT", probe.base, TUS)
    want_status(response, 405, 501)
    if response.status == 405:
        want_header(response, "Allow")


@SECTION.check(
    "CORE-AUTH-1",
    level=Level.HABIT,
    wants="OPTIONS works without credentials, as browsers send none with a preflight.",
)
async def options_needs_no_credentials(probe: Probe) -> None:
    response = await probe.ask_as_stranger("OPTIONS", probe.base)
    want_status(response, 200, 204)
    preflight = await probe.ask_as_stranger(
        *("OPTIONS", probe.base, f"Origin: {probe.subject.origin}"),
        *("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: tus-resumable"),
    )
    if preflight.status in (401, 407):
        raise Failed("a preflight was asked for credentials, which browsers never send with it")
