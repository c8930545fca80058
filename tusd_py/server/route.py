"""A row of the route table.

Belongs here: what is known of a route before any request comes. Not here: the rows, which stand at the end of
each face's file, and the table that lists the faces (routes.py).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from tusd_py.access.authorize import Action

Schema = Mapping[str, Any]
"""JSON Schema 2020-12, which is what OpenAPI 3.1 has."""

Handle = Callable[[Any, web.Request], Awaitable[web.StreamResponse]]
"""A method of a face, as the class has it."""

BASE = "{base_path}"
"""In a path: where the settings put the tus face, with a slash at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """Something that a request may say beside its body."""

    name: str
    where: Literal["path", "query", "header"] = "query"
    description: str
    schema: Schema
    required: bool = False
    """Those of the path always are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What comes with one status. Refusals are not listed: they have one form (problems.py)."""

    description: str
    schema: Schema | None = None
    """None where the body is no JSON, or there is none."""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Descriptions by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path."""

    method: str
    """GET answers HEAD too."""
    path: str
    """As OpenAPI and aiohttp write it: `/file/{file_id}`."""
    name: str
    """Unique; the operationId."""
    handle: Handle
    action: Action | None
    """What `authorize` judges; None where nobody asks who it is."""
    hides: bool = False
    """It names one thing of somebody: strangers hear 404, as for one that never was."""
    takes_ticket: bool = False
    """Browsers open it without headers of their own: a ticket in the query says who it is."""
    counts_strangers: bool = False
    """Where nobody asks who it is: an address may come here only as often as elsewhere."""
    summary: str
    parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None
    """Of the JSON that it reads."""
    replies: Mapping[int, Reply] = field(default_factory=dict)
    reads: str = "application/json"
    """The media type of its body."""


ROUTE = web.RequestKey("route", Route)
"""Set on every request before its handler runs; not on those of a face that takes everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A class, and the routes that its instances answer."""

    kind: type
    routes: tuple[Route, ...]
    takes_all: bool = False
    """Its first handler takes every method and every path below the base: X-HTTP-Method-Override acts before
    routing. The rows then say what there is, not what is registered."""
