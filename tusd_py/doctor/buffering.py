"""Do bytes get to the server while the body is still being sent?

A proxy that waits for the whole body makes every break of the connection begin anew.
Belongs here: PATCH, cut, HEAD. Not here: how a connection is cut (site.py).
"""

import asyncio
import time
from http import HTTPStatus

from .finding import Finding, well, wrong
from .site import RESUMABLE, Site, Unreachable

CHECK = "buffering proxy"
LENGTH = 8 << 20
_SENT = 512 << 10
"""More than a proxy takes before it begins to forward."""
_BEFORE_THE_CUT = 1.0
_WITHIN = 8.0
_PAUSE = 0.25


async def look_for_buffering(site: Site, url: str) -> Finding:
    """`url` is an upload of LENGTH bytes without any yet."""
    try:
        answer = await site.send_and_cut(url, announced=LENGTH, sent=_SENT, wait=_BEFORE_THE_CUT)
        if answer is not None:
            return wrong(
                CHECK,
                f"PATCH was answered {answer.status} before its body was there",
                "let the proxy pass PATCH, Upload-Offset and Content-Type application/offset+octet-stream",
            )
        arrived = await _arrived(site, url)
    except Unreachable as failed:
        return wrong(CHECK, str(failed), "let the proxy pass PATCH and HEAD")
    if arrived:
        return well(CHECK, f"{arrived} of {_SENT} bytes were there after the connection was cut")
    return wrong(
        CHECK,
        f"{_SENT} bytes were sent and the connection cut: nothing had arrived, so something in between waits "
        "for whole bodies, and every break begins anew",
        "nginx: proxy_request_buffering off; (deploy/nginx.conf). Others: have request bodies streamed",
    )


async def _arrived(site: Site, url: str) -> int:
    """The offset, as soon as it is not 0; the server may still be saving."""
    until = time.monotonic() + _WITHIN
    while True:
        answer = await site.ask("HEAD", url, RESUMABLE)
        offset = answer.headers.get("upload-offset", "0")
        if answer.status == HTTPStatus.OK and offset.isdecimal() and int(offset):
            return int(offset)
        if time.monotonic() > until:
            return 0
        await asyncio.sleep(_PAUSE)
