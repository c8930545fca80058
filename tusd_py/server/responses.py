"""Answers become responses here, and nowhere else."""

import time
from typing import TypeVar, overload

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11

from protocol.answer import Answer
from protocol.dates import http_date

SERVER_NAME = "tusd-py"
"""For the Server header; aiohttp would tell strangers its version and Python's."""

R = TypeVar("R", bound=web.Response)


@overload
def response_of(answer: Answer) -> web.Response: ...
@overload
def response_of(answer: Answer, kind: type[R]) -> R: ...
def response_of(answer: Answer, kind: type[web.Response] = web.Response) -> web.Response:
    """The answer as aiohttp wants it; HEAD and 204 lose their body on the way out."""
    return kind(
        status=answer.status,
        reason=answer.reason,
        headers=answer.headers,
        body=answer.body or None,
    )


class Bare(web.StreamResponse):
    """An answer without a body, which needs little of what aiohttp gets ready for one."""

    _writer: AbstractStreamWriter | None = None

    def __init__(self, answer: Answer) -> None:
        super().__init__(status=answer.status, reason=answer.reason, headers=answer.headers)
        if answer.status != web.HTTPNoContent.status_code:
            self.headers[hdrs.CONTENT_LENGTH] = "0"

    @property
    def keep_alive(self) -> bool | None:
        """See StreamResponse."""
        return True if self._writer is not None else super().keep_alive

    def filled(self) -> web.Response:
        """The same, with room for a body. Only before anything of it was sent."""
        full = web.Response(status=self.status, reason=self.reason, headers=self.headers)
        full.headers.popall(hdrs.CONTENT_LENGTH, None)
        if self.keep_alive is False:
            full.force_close()
        return full

    async def write_at_once(self, request: web.BaseRequest) -> bool:
        """Put the head on its way as it is. False for connections that must be told more: prepare it then."""
        if request.version != HttpVersion11 or not request.keep_alive or super().keep_alive is False:
            return False
        self.headers[hdrs.DATE] = http_date(time.time_ns() // 1000)
        self._writer = request.writer
        await self._writer.write_headers(f"HTTP/1.1 {self.status} {self.reason}", self.headers)
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """See StreamResponse."""
        return await super().prepare(request) if self._writer is None else self._writer

    async def write_eof(self, data: bytes = b"") -> None:
        """See StreamResponse."""
        if self._writer is None:
            await super().write_eof(data)
        else:
            await self._writer.write_eof()
