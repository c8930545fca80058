"""Interim responses of the IETF draft: 104 (Upload Resumption Supported).

aiohttp has no way to send one, so its bytes go straight to the transport, before the response is begun; a
response that was begun comes behind the whole body, so nothing can be mixed up.

Belongs here: sending. Not here: what they say (protocol/ietf/answers.py).
"""

from collections.abc import Mapping

from aiohttp import web
from aiohttp.http import HttpVersion11

_FIRST_LINE = "HTTP/1.1 104 Upload Resumption Supported\r\n"
MOST_WAITING = 16 * 1024
"""Bytes that wait to be sent to a client that does not read: it is told no more of how far it is."""


def send_interim(request: web.BaseRequest, fields: Mapping[str, str]) -> None:
    """Tell the client, where it can be told: never one of HTTP/1.0 (RFC 9110, 15.2)."""
    transport = request.transport
    if request.version < HttpVersion11 or transport is None or transport.is_closing():
        return
    if transport.get_write_buffer_size() > MOST_WAITING or request.writer.output_size:
        return
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    transport.write(f"{_FIRST_LINE}{lines}\r\n".encode("ascii"))
