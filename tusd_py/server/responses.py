"""Answers become responses here, and nowhere else."""

from typing import TypeVar, overload

from aiohttp import web

from protocol.answer import Answer

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
