"""JSON in and out of the API.

Belongs here: bodies and values that every route of it has in common. Not here: what they mean.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from aiohttp import ClientError, hdrs, web
from aiohttp.http_exceptions import BadHttpMessage, PayloadEncodingError

from protocol.errors import (
    BodyTooLarge,
    InvalidBody,
    InvalidBodyType,
    MalformedBody,
    ReadTimeout,
    UploadInterrupted,
)
from tusd_py.timestamps import rfc3339 as rfc3339  # noqa: PLC0414  # the faces have it from here

from .expect import send_continue

LONGEST = 64 * 1024
"""Bytes of a JSON body that is read."""
WITHIN = web.AppKey("json_within", float)
"""Seconds in which it has to be here."""


def json_response(
    value: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Never from a cache: what it says is about to change."""
    return web.Response(
        status=status,
        body=as_bytes(value),
        headers={
            hdrs.CONTENT_TYPE: "application/json",
            hdrs.CACHE_CONTROL: "private, no-cache",
            **(headers or {}),
        },
    )


def as_bytes(value: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8 with a line end; half of a character pair, which UTF-8 has not, is escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"


async def read_object(
    request: web.Request, *, within: float | None = None, longest: int = LONGEST
) -> dict[str, Any]:
    """The JSON object in the body of a request, if it is here after `within` seconds, or `timeouts.json`.

    Raises InvalidBodyType, BodyTooLarge, InvalidBody, MalformedBody, ReadTimeout, UploadInterrupted.
    """
    if request.content_type != "application/json":
        raise InvalidBodyType(f"Content-Type is {request.content_type!r}, wanted 'application/json'")
    if request.content_length is not None and request.content_length > longest:
        raise BodyTooLarge(f"the body has {request.content_length} bytes, wanted at most {longest}")
    within = request.config_dict[WITHIN] if within is None else within
    await send_continue(request)
    try:
        async with asyncio.timeout(within):
            return _object(await _read(request, longest))
    except TimeoutError:
        raise ReadTimeout(f"the body was not here after {within:g} seconds") from None
    except (PayloadEncodingError, BadHttpMessage):
        raise MalformedBody from None
    except (OSError, ClientError, web.RequestPayloadError):
        raise UploadInterrupted from None  # nobody is there to hear it


async def _read(request: web.Request, longest: int) -> bytes:
    raw = bytearray()
    async for piece in request.content.iter_any():
        raw += piece
        if len(raw) > longest:
            raise BodyTooLarge(f"the body has more than {longest} bytes")
    return bytes(raw)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        raise InvalidBody(f"the body is not JSON: {_brief(problem)}") from None
    if not isinstance(found, dict):
        raise InvalidBody(f"the body is a JSON {_NAMES[type(found)]}, wanted an object")
    return found


_NAMES: dict[type, str] = {
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _brief(problem: Exception) -> str:
    if isinstance(problem, RecursionError):
        return "it is nested too deep"
    if isinstance(problem, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(problem)
