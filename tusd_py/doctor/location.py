"""Do new uploads get URLs under which clients find them?

Belongs here: Location. Not here: whether bytes get there.
"""

from urllib.parse import SplitResult, urlsplit

from .finding import Finding, well, wrong
from .site import Answer, Site

CHECK = "Location"
_PORTS = {"http": 80, "https": 443}


def look_at_location(site: Site, created: Answer) -> Finding:
    """Of an answer to POST."""
    if created.location is None:
        return wrong(
            CHECK,
            f"POST {site.url} was answered {created.status}, wanted 201 with Location",
            "give credentials with --header, and let the proxy pass POST and all headers",
        )
    target = site.target_of(created.location)
    asked, told = urlsplit(site.url), urlsplit(target)
    if _origin(asked) == _origin(told):
        return well(CHECK, f"new uploads get URLs at {told.scheme}://{told.netloc}")
    return wrong(
        CHECK,
        f"asked at {asked.scheme}://{asked.netloc}, a new upload is said to be at "
        f"{told.scheme}://{told.netloc}, where clients may not get",
        f'set server.public_url = "{asked.scheme}://{asked.netloc}", or server.trusted_proxies to where the '
        "proxy comes from, which then must send X-Forwarded-Proto and X-Forwarded-Host (as deploy/ does)",
    )


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
