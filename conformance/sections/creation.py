"""Extension: Creation."""

from conformance.checks import Section
from conformance.probe import NAMED, TUS, Probe
from conformance.verdict import Failed, Level, NotOffered
from conformance.want import (
    want_header,
    want_no_header,
    want_no_success,
    want_refusal,
    want_status,
    want_value,
)

SECTION = Section("Creation")

_SHORTEST_NAME = 8


@SECTION.check(
    "CRE-1",
    level=Level.MUST,
    wants="A server that creates uploads adds creation to Tus-Extension.",
)
async def creation_is_announced(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, "Upload-Length: 5")
    if probe.announces("creation"):
        want_status(response, 201)
    elif response.status == 201:
        raise Failed("an upload was created, but creation is not in Tus-Extension")
    else:
        raise NotOffered("creation is not in Tus-Extension")


@SECTION.check(
    "CRE-2",
    level=Level.MUST,
    wants="A successful creation is answered 201 with Location, the URL of the upload.",
    needs=("creation",),
)
async def creation_says_where_the_upload_is(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, "Upload-Length: 10")
    want_status(response, 201)
    want_header(response, "Location")
    upload = probe.created(response)
    head = await probe.head(upload)
    want_value(head, "Upload-Offset", 0)
    want_value(head, "Upload-Length", 10)


@SECTION.check(
    "CRE-2",
    level=Level.HABIT,
    wants="Location is absolute: a relative one breaks aiotus and react-uploady.",
    needs=("creation",),
)
async def the_location_is_absolute(probe: Probe) -> None:
    location = want_header(await probe.ask("POST", probe.base, TUS, "Upload-Length: 10"), "Location")
    if not location.lower().startswith(("http://", "https://")):
        raise Failed(f"wanted an absolute URL in Location, found {location!r}")


@SECTION.check(
    "CRE-2",
    level=Level.HABIT,
    wants="A Content-Type on an empty POST is nothing to refuse: aiotus sends application/octet-stream.",
    needs=("creation",),
)
async def an_empty_post_may_have_a_type(probe: Probe) -> None:
    typed = "Content-Type: application/octet-stream"
    want_status(await probe.ask("POST", probe.base, TUS, typed, "Upload-Length: 10"), 201)


@SECTION.check(
    "CRE-3",
    level=Level.MUST,
    wants="A POST says Upload-Length or Upload-Defer-Length: without either nothing is created.",
    needs=("creation",),
)
async def a_length_must_be_said(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS)
    want_no_success(response, "a POST without a length")
    want_no_header(response, "Location")
    want_refusal(response)


@SECTION.check(
    "CRE-3",
    level=Level.MUST,
    wants="Upload-Length and Upload-Defer-Length exclude each other.",
    needs=("creation", "creation-defer-length"),
)
async def a_length_is_not_both_known_and_deferred(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, "Upload-Length: 5", "Upload-Defer-Length: 1")
    want_no_success(response, "a POST with Upload-Length and Upload-Defer-Length")
    want_refusal(response)


@SECTION.check(
    "CRE-4",
    level=Level.MUST,
    wants="A length above the maximum is answered 413.",
    needs=("creation",),
)
async def a_length_above_the_maximum_is_413(probe: Probe) -> None:
    limit = probe.offer.max_size
    if limit is None:
        raise NotOffered("there is no Tus-Max-Size")
    want_status(await probe.ask("POST", probe.base, TUS, f"Upload-Length: {limit + 1}"), 413)


@SECTION.check(
    "CRE-5",
    level=Level.MUST,
    wants="An upload of length 0 may be created; it is complete at once.",
    needs=("creation",),
)
async def an_empty_upload_is_complete(probe: Probe) -> None:
    response = await probe.ask("POST", probe.base, TUS, NAMED, "Upload-Length: 0")
    want_status(response, 201)
    upload = probe.created(response)
    head = await probe.head_when_free(upload)
    want_value(head, "Upload-Offset", 0)
    want_value(head, "Upload-Length", 0)


@SECTION.check(
    "CRE-6",
    level=Level.MUST,
    wants="Each creation makes an upload of its own, also with the same metadata.",
    needs=("creation",),
)
async def each_upload_has_its_own_url(probe: Probe) -> None:
    same = "Upload-Metadata: filename aGVsbG8udHh0"
    uploads = [await probe.create(5, same) for _ in range(4)]
    if len({upload.path for upload in uploads}) < len(uploads):
        raise Failed(f"wanted different URLs, found {[upload.path for upload in uploads]}")


@SECTION.check(
    "CRE-6",
    level=Level.SHOULD,
    wants="Upload URLs cannot be guessed from each other.",
    needs=("creation",),
)
async def urls_cannot_be_guessed(probe: Probe) -> None:
    names = [(await probe.create(5)).path.rstrip("/").rpartition("/")[2] for _ in range(4)]
    if any(name.isdigit() for name in names) or min(map(len, names)) < _SHORTEST_NAME:
        raise Failed(f"wanted long random names, found {names}")


@SECTION.check(
    "CRE-7",
    level=Level.HABIT,
    wants="The creation URL works with and without a slash at its end.",
    needs=("creation",),
)
async def the_last_slash_does_not_matter(probe: Probe) -> None:
    bare = probe.base.url.split("?")[0].rstrip("/")
    for url in (bare, bare + "/"):
        want_status(await probe.ask("POST", probe.base.join(url), TUS, "Upload-Length: 5"), 201)
