"""Entity tags of what the API shows, and conditions on them (RFC 9110, 8.8.3 and 13.1).

A tag is a revision, which rises with every change that people make, and a digest of all that is shown. A
reader is told of anything new (If-None-Match); a change is refused only when somebody else made one
(If-Match), not because a scanner said something meanwhile.

Belongs here: making and comparing tags, and the answer to whoever polls. Not here: what is tagged.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from aiohttp import hdrs, web

from .json_bodies import as_bytes, json_response

_TAG = re.compile(r'(W/)?"([!#-~\x80-\xff]*)"')
_OURS = re.compile(r"([0-9]{1,18})-[0-9a-f]{16}", re.ASCII)


def tag_of(revision: int, shown: bytes) -> str:
    """The strong tag of a body."""
    return f'"{revision}-{sha256(shown).hexdigest()[:16]}"'


def polled(request: web.Request, value: Mapping[str, Any], *, revision: int = 0) -> web.Response:
    """What is shown; 304 for a client that has it as it is."""
    etag = tag_of(revision, as_bytes(value))
    if is_known(request, etag):
        headers = {hdrs.ETAG: etag, hdrs.CACHE_CONTROL: "private, no-cache"}
        return web.Response(status=web.HTTPNotModified.status_code, headers=headers)
    return json_response(value, headers={hdrs.ETAG: etag})


def is_known(request: web.Request, etag: str) -> bool:
    """If-None-Match names what would be sent: the client has it. Compares weakly."""
    said = ",".join(request.headers.getall(hdrs.IF_NONE_MATCH, []))
    return said.strip() == "*" or etag.strip('"') in {tag for _, tag in _TAG.findall(said)}


def wanted_revisions(request: web.Request) -> frozenset[int] | None:
    """The revisions that If-Match lets be changed; None where any will do. Compares strongly."""
    values = request.headers.getall(hdrs.IF_MATCH, [])
    said = ",".join(values)
    if not values or said.strip() == "*":
        return None
    ours = (_OURS.fullmatch(tag) for weak, tag in _TAG.findall(said) if not weak)
    return frozenset(int(found[1]) for found in ours if found)
