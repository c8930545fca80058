"""What a hook is called for, and what it may say.

Names are tusd's (docs: Hooks, version 2). Belongs here: the vocabulary of hooks. Not here: how one is called.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class HookKind(StrEnum):
    """When it is called."""

    PRE_CREATE = "pre-create"
    POST_CREATE = "post-create"
    POST_RECEIVE = "post-receive"
    PRE_FINISH = "pre-finish"
    POST_FINISH = "post-finish"
    PRE_TERMINATE = "pre-terminate"
    POST_TERMINATE = "post-terminate"


class HookFailed(Exception):
    """It could not be asked, or what it said is no answer; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What the client shall hear."""

    status: int = 0
    """0 leaves it as it would be."""
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAnswer:
    """What a hook said."""

    http: HttpAnswer = field(default_factory=HttpAnswer)
    rejects_upload: bool = False
    rejects_termination: bool = False
    stops_upload: bool = False
    metadata: Mapping[str, str] | None = None
    """All of it, where it is to be another."""


@dataclass(slots=True, kw_only=True)
class Asked:
    """The request during which hooks are called, and what they want its answer to be."""

    method: str
    uri: str
    remote: str
    headers: Sequence[tuple[str, str]]
    answer: HttpAnswer = field(default_factory=HttpAnswer)


current: ContextVar[Asked | None] = ContextVar("tusd_py_hooks_request", default=None)
"""None for what no request asked for, such as jobs."""


class Hook(Protocol):
    """One way to call hooks."""

    def has(self, kind: HookKind) -> bool:
        """It is to be called for these."""
        ...

    async def call(self, kind: HookKind, payload: Mapping[str, Any], asked: Asked | None) -> bytes:
        """What it said. Raises HookFailed."""
        ...
