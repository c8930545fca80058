"""The route table: every route that this server can have.

What is registered, what the access matrix asks and what the OpenAPI document says all come from here. A new
route is a row in the `...ROUTES` of its face; a new face is a line in TABLE, and an instance of it in
assemble/app.py.

Belongs here: the faces, and registering them. Not here: rows (each face's file), what they do.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from tusd_py.access.authorize import admit

from .access_face import ACCESS_ROUTES, AccessFace
from .admin_face import ADMIN_ROUTES, AdminFace
from .api import API_ROUTES, Api
from .expect import expect_handler
from .file_face import FILE_ROUTES, FileFace
from .files_api import FILES_API_ROUTES, FilesApi
from .health import HEALTH_ROUTES, Health
from .identify import TAKES_TICKET, Identify
from .link_face import LINK_ROUTES, LinkFace
from .live import LIVE_ROUTES, Live
from .multipart_face import MULTIPART_ROUTES, MultipartFace
from .openapi import document
from .operator import OPERATOR_ROUTES, Operator
from .page import PAGE_ROUTES, Page
from .plain_page import PLAIN_PAGE_ROUTES, PlainPage
from .quarantine_face import QUARANTINE_ROUTES, QuarantineFace
from .refusals import refuse
from .route import BASE, ROUTE, Face, Route
from .tus import TUS_ROUTES, TusFace
from .uploads_api import UPLOADS_API_ROUTES, UploadsApi
from .visit_face import VISIT_ROUTES, VisitFace

TABLE = (
    Face(kind=Health, routes=HEALTH_ROUTES),
    Face(kind=Page, routes=PAGE_ROUTES),
    Face(kind=PlainPage, routes=PLAIN_PAGE_ROUTES),
    Face(kind=TusFace, routes=TUS_ROUTES, takes_all=True),
    Face(kind=FileFace, routes=FILE_ROUTES),
    Face(kind=LinkFace, routes=LINK_ROUTES),
    Face(kind=VisitFace, routes=VISIT_ROUTES),
    Face(kind=Api, routes=API_ROUTES),
    Face(kind=AdminFace, routes=ADMIN_ROUTES),
    Face(kind=QuarantineFace, routes=QUARANTINE_ROUTES),
    Face(kind=FilesApi, routes=FILES_API_ROUTES),
    Face(kind=UploadsApi, routes=UPLOADS_API_ROUTES),
    Face(kind=MultipartFace, routes=MULTIPART_ROUTES),
    Face(kind=AccessFace, routes=ACCESS_ROUTES),
    Face(kind=Live, routes=LIVE_ROUTES),
    Face(kind=Operator, routes=OPERATOR_ROUTES),
)


Count = Callable[[web.Request], Awaitable[None]]
"""Counts a request of which nobody asks who it is from. Raises a ProtocolError where it is one too many."""


async def _uncounted(_request: web.Request) -> None:
    return None


def register(
    app: web.Application,
    faces: Iterable[object],
    *,
    base_path: str,
    identify: Identify,
    count: Count = _uncounted,
) -> None:
    """Add the routes of these instances. A face that is switched off is simply not among them.

    Before a handler runs, and so before the first byte of a body, it is settled who asks and whether they may
    do such a thing at all. Whether they may do it to this one thing is for the handler, which finds it.
    """
    table = {face.kind: face for face in TABLE}
    for instance in faces:
        face = table[type(instance)]
        if face.takes_all:
            # It asks for itself, with the action of the method that is meant.
            handler = _bound(replace(face.routes[0], action=None), instance, identify, count)
            for pattern in _everything_below(base_path):
                app.router.add_route("*", pattern, handler, expect_handler=expect_handler)
            continue
        for route in face.routes:
            _add(app, route, path_of(route, base_path), _bound(route, instance, identify, count))


def routes_of(kinds: Iterable[type]) -> Iterator[Route]:
    """The rows of these faces, in the order of the table."""
    wanted = set(kinds)
    return (route for face in TABLE if face.kind in wanted for route in face.routes)


def describe(faces: Iterable[object], *, base_path: str, version: str) -> dict[str, Any]:
    """The OpenAPI document of what these instances answer."""
    return document(routes_of({type(face) for face in faces}), base_path=base_path, version=version)


def path_of(route: Route, base_path: str) -> str:
    """The path as registered; placeholders for what is named in it stay."""
    return route.path.replace(BASE, base_path)


def _add(app: web.Application, route: Route, path: str, handler: Handler) -> None:
    if route.method == "GET":
        app.router.add_get(path, handler, expect_handler=expect_handler)
    else:
        app.router.add_route(route.method, path, handler, expect_handler=expect_handler)


def _everything_below(base_path: str) -> tuple[str, ...]:
    below = base_path + "{name:.*}"
    return (below,) if base_path == "/" else (below, base_path.rstrip("/"))


def _bound(route: Route, instance: object, identify: Identify, count: Count) -> Handler:
    return partial(_answer, route, instance, identify, count)


async def _answer(
    route: Route, instance: object, identify: Identify, count: Count, request: web.Request
) -> web.StreamResponse:
    request[ROUTE] = route
    try:
        if route.counts_strangers:
            await count(request)
        if route.action is not None:
            request[TAKES_TICKET] = route.takes_ticket
            admit(await identify(request), route.action)
        return await route.handle(instance, request)
    except Exception as error:
        refuse(error)
        raise
