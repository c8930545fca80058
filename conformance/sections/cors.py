"""Browsers: CORS (Fetch standard, 3.2)."""

from conformance.checks import Section
from conformance.exchange import Response
from conformance.probe import OCTETS, TUS, Probe
from conformance.verdict import Failed, Level, NotOffered
from conformance.want import want_header, want_success

SECTION = Section("CORS, for browsers")

_METHODS = ("POST", "HEAD", "PATCH", "OPTIONS", "DELETE")
_SIMPLE = ("GET", "HEAD", "POST")
"""Methods that need no permission (Fetch, 4.6: CORS-safelisted)."""

_SENT = ("Tus-Resumable", "Upload-Length", "Upload-Offset", "Upload-Metadata", "Content-Type")
_SENT_TOO = ("X-HTTP-Method-Override", "X-Request-ID", "Authorization")
_SENT_WITH: dict[str, tuple[str, ...]] = {
    "creation-defer-length": ("Upload-Defer-Length",),
    "concatenation": ("Upload-Concat",),
    "checksum": ("Upload-Checksum",),
}
_READ = ("Location", "Upload-Offset", "Upload-Length", "Tus-Version", "Tus-Resumable", "Tus-Max-Size")
_READ_TOO = ("Tus-Extension", "Upload-Metadata")
_READ_WITH: dict[str, tuple[str, ...]] = {
    "creation-defer-length": ("Upload-Defer-Length",),
    "concatenation": ("Upload-Concat",),
    "checksum": ("Tus-Checksum-Algorithm",),
    "expiration": ("Upload-Expires",),
}


async def _preflight(probe: Probe, method: str, *lines: str) -> Response:
    """Raises NotOffered where pages of other origins are not let in."""
    response = await probe.ask_as_stranger(
        "OPTIONS",
        probe.base,
        f"Origin: {probe.subject.origin}",
        f"Access-Control-Request-Method: {method}",
        *lines,
    )
    if not response.every("Access-Control-Allow-Origin"):
        raise NotOffered(f"pages of {probe.subject.origin} are not let in")
    return response


def _want_origin(probe: Probe, response: Response) -> None:
    allowed = want_header(response, "Access-Control-Allow-Origin")
    if allowed not in ("*", probe.subject.origin):
        raise Failed(f"wanted Access-Control-Allow-Origin for {probe.subject.origin}, found {allowed!r}")


def _with_credentials(response: Response) -> bool:
    return response.header("Access-Control-Allow-Credentials") == "true"


def _missing(response: Response, header: str, wanted: tuple[str, ...]) -> list[str]:
    """Which of `wanted` the list does not name; a * names all, but nothing with credentials."""
    listed = {name.lower() for name in response.listed(header)}
    if "*" in listed and not _with_credentials(response):
        # Fetch, 3.2.3: the * never stands for Authorization.
        return [name for name in wanted if name == "Authorization" and "authorization" not in listed]
    return [name for name in wanted if name.lower() not in listed]


def _with_extensions(
    probe: Probe, always: tuple[str, ...], more: dict[str, tuple[str, ...]]
) -> tuple[str, ...]:
    return (
        *always,
        *(name for extension, names in more.items() if probe.announces(extension) for name in names),
    )


@SECTION.check(
    "CORS-1",
    level=Level.HABIT,
    wants="A preflight is answered with success, and allows the methods of tus.",
)
async def a_preflight_allows_the_methods(probe: Probe) -> None:
    for method in ("POST", "PATCH", "HEAD"):
        response = await _preflight(probe, method, "Access-Control-Request-Headers: tus-resumable")
        want_success(response)
        _want_origin(probe, response)
        wanted = tuple(name for name in _METHODS if name != "DELETE" or probe.announces("termination"))
        missing = _missing(response, "Access-Control-Allow-Methods", wanted)
        if set(missing) - {"OPTIONS", *_SIMPLE}:
            raise Failed(f"wanted {missing} in Access-Control-Allow-Methods")


@SECTION.check(
    "CORS-1",
    level=Level.HABIT,
    wants="A preflight allows every header that tus clients send.",
)
async def a_preflight_allows_the_headers(probe: Probe) -> None:
    wanted = _with_extensions(probe, _SENT + _SENT_TOO, _SENT_WITH)
    asked = ",".join(sorted(name.lower() for name in wanted))
    response = await _preflight(probe, "PATCH", f"Access-Control-Request-Headers: {asked}")
    missing = _missing(response, "Access-Control-Allow-Headers", wanted)
    if missing:
        raise Failed(f"wanted {missing} in Access-Control-Allow-Headers")


@SECTION.check(
    "CORS-2",
    level=Level.HABIT,
    wants="Responses let the page read every header that tus clients need, errors too.",
)
async def responses_may_be_read(probe: Probe) -> None:
    await _preflight(probe, "POST")
    origin = f"Origin: {probe.subject.origin}"
    upload = await probe.create(10)
    created = await probe.ask("POST", probe.base, TUS, origin, "Upload-Length: 10")
    wanted = _with_extensions(probe, _READ + _READ_TOO, _READ_WITH)
    for response in (
        created,
        await probe.ask("HEAD", upload, TUS, origin),
        await probe.ask("PATCH", upload, TUS, OCTETS, origin, "Upload-Offset: 0", body=b"hello"),
        await probe.ask("PATCH", upload, TUS, OCTETS, origin, "Upload-Offset: 9", body=b"x"),
        await probe.ask("HEAD", probe.base.beside("00000000000000000000000000000000"), TUS, origin),
        await probe.ask("POST", probe.base, "Tus-Resumable: 0.2.2", origin, "Upload-Length: 10"),
    ):
        _want_origin(probe, response)
        missing = _missing(response, "Access-Control-Expose-Headers", wanted)
        if missing:
            raise Failed(f"wanted {missing} in Access-Control-Expose-Headers of a {response.status} response")


@SECTION.check(
    "CORS-3",
    level=Level.HABIT,
    wants="An origin that is repeated comes with Vary: Origin; with credentials it is never a *.",
)
async def the_origin_is_not_cached_for_others(probe: Probe) -> None:
    await _preflight(probe, "POST")
    response = await probe.ask(
        "POST", probe.base, TUS, f"Origin: {probe.subject.origin}", "Upload-Length: 10"
    )
    allowed = want_header(response, "Access-Control-Allow-Origin")
    if _with_credentials(response) and allowed == "*":
        raise Failed("wanted the origin itself with credentials, found *")
    if allowed != "*" and "origin" not in [name.lower() for name in response.listed("Vary")]:
        raise Failed(f"wanted Vary: Origin beside Access-Control-Allow-Origin: {allowed}, found none")


@SECTION.check(
    "CORS-4",
    level=Level.HABIT,
    wants="Preflights ask in lower case, and may ask for a private network; both are answered alike.",
)
async def odd_preflights_are_answered(probe: Probe) -> None:
    response = await _preflight(
        probe,
        "PATCH",
        "Access-Control-Request-Headers: content-type,tus-resumable,upload-offset",
        "Access-Control-Request-Private-Network: true",
    )
    want_success(response)
    _want_origin(probe, response)
    if missing := _missing(response, "Access-Control-Allow-Headers", ("Upload-Offset", "Tus-Resumable")):
        raise Failed(f"wanted {missing} in Access-Control-Allow-Headers")
