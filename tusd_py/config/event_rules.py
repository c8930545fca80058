"""What may be said of ways out for events.

Belongs here: endpoints, and kinds of events. Not here: other settings (rules.py).
"""

import re
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from tusd_py.event_kinds import EventKind
from tusd_py.standard_webhooks import BadSecret, parse_secrets

from .complaint import Complaint
from .settings import Endpoint

_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)
_MOST_PORTS = 65535


def complain_about_endpoints(endpoints: tuple[Endpoint, ...]) -> Complaint | None:
    """Each has a name of its own, a URL, a secret, and wants events that there are."""
    names = [endpoint.name for endpoint in endpoints]
    for place, endpoint in enumerate(endpoints):
        if not _NAME.fullmatch(endpoint.name) or names.count(endpoint.name) > 1:
            return Complaint(
                what="has an endpoint that cannot be named so",
                found=f"table {place + 1}: name {endpoint.name!r}",
                wanted="a name of its own of 1 to 40 letters, digits, dots, hyphens and underscores",
                item=place,
            )
        if (
            complaint := complain_about_target(endpoint.url)
            or _secret(endpoint.secret)
            or complain_about_kinds(endpoint.events)
        ):
            return Complaint(
                # The list holds secrets, so what is found in it is not shown; these are none.
                what=f'endpoint "{endpoint.name}" {complaint.what}: {complaint.found}',
                found=complaint.found,
                wanted=complaint.wanted,
                hint=complaint.hint,
                item=place,
            )
    return None


def complain_about_target(url: str) -> Complaint | None:
    """A URL that can be posted to, which is not shown: it may hold a token."""
    found = "what cannot be taken apart"
    try:
        parts = urlsplit(url)
        found = f"{parts.scheme}://{parts.hostname}"
        is_good = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) <= _MOST_PORTS
        )
    except ValueError:
        is_good = False
    if is_good and not parts.username and not parts.fragment and not re.search(r"\s", url):
        return None
    return Complaint(
        what="has no URL that can be posted to",
        found=found,
        wanted="https:// (http:// to webhooks.allow_networks), a host, perhaps port, path, query",
    )


def _secret(text: str) -> Complaint | None:
    try:
        if parse_secrets(text):
            return None
        why = "it is empty"
    except BadSecret as bad:
        why = str(bad)
    return Complaint(
        what="has no secret of Standard Webhooks",
        found=why,
        wanted='"whsec_" and the base64 of 24 to 64 bytes',
        hint="echo whsec_$(openssl rand -base64 32)",
    )


def complain_about_kinds(kinds: tuple[str, ...]) -> Complaint | None:
    """Each must fit a kind that there is, or it was misspelt."""
    known = [kind.value for kind in EventKind]
    for wanted in kinds:
        if not any(fnmatchcase(kind, wanted) for kind in known):
            return Complaint(
                what="wants events that there are not",
                found=f'"{wanted}"',
                wanted=f"some of {', '.join(known)}; upload.* stands for several",
            )
    return None
