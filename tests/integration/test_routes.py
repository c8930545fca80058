"""The route table against what is registered, and the form of refusals."""

import asyncio
import gc
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import hdrs, web

from tests.harness.server import Server
from tests.harness.wire import Address, Answer, Connection, head_of
from tests.integration.house import Counted
from tests.integration.tiny import settings_with
from tusd_py.assemble.app import make_app
from tusd_py.assemble.service import open_service
from tusd_py.server.bounded_connection import BoundedConnection
from tusd_py.server.health import Readiness
from tusd_py.server.metrics import Metrics
from tusd_py.server.page import Page
from tusd_py.server.plain_page import PlainPage
from tusd_py.server.route import Route
from tusd_py.server.routes import TABLE, path_of, routes_of
from tusd_py.server.runner import TusRunner
from tusd_py.server.tus import TusFace

EVERY = [route for face in TABLE for route in face.routes]


@asynccontextmanager
async def application(folder: Path, base_path: str, **timeouts: float) -> AsyncIterator[web.Application]:
    """Everything that the settings can switch on."""
    settings = settings_with(
        server={"base_path": base_path},
        storage={"upload_dir": str(folder), "free_space_floor": 0},
        timeouts=timeouts,
    )
    async with open_service(settings, Counted(), given_up=lambda: None) as service:
        yield make_app(settings, service, Metrics(version="0"), Readiness())


def registered(app: web.Application) -> set[tuple[str, str]]:
    """(method, path) of what aiohttp dispatches on; HEAD comes with every GET."""
    known = ((route.method, route.resource) for route in app.router.routes())
    return {
        (method, resource.canonical)
        for method, resource in known
        if resource is not None and method != hdrs.METH_HEAD
    }


@pytest.mark.parametrize("base_path", ["/files/", "/a/b/", "/"])
async def test_every_route_comes_from_the_table_and_every_row_is_registered(
    tmp_path: Path, base_path: str
) -> None:
    async with application(tmp_path, base_path) as app:
        found = registered(app)
    # The page is there as it was built, or else the plain one.
    absent = PlainPage if ("GET", "/api/v1/config") in found else Page
    catch_all = {("*", base_path + "{name}")} | (
        {("*", base_path.rstrip("/"))} if base_path != "/" else set()
    )
    rows = routes_of({face.kind for face in TABLE} - {TusFace, absent})
    assert found == {(row.method, path_of(row, base_path)) for row in rows} | catch_all


def test_names_are_unique() -> None:
    names = [route.name for route in EVERY]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("route", EVERY, ids=lambda route: route.name)
def test_a_row_describes_what_its_path_names(route: Route) -> None:
    named = set(re.findall(r"{([a-z_]+)}", route.path)) - {"base_path"}
    assert {parameter.name for parameter in route.parameters if parameter.where == "path"} == named
    assert route.replies


@pytest.mark.parametrize("route", EVERY, ids=lambda route: route.name)
def test_what_belongs_to_somebody_has_an_action(route: Route) -> None:
    if any(parameter.name.endswith("_id") for parameter in route.parameters if parameter.where == "path"):
        assert route.hides
        assert route.action is not None


async def ask(server: Server, method: str, target: str, *headers: tuple[str, str]) -> Answer:
    async with await Connection.open(server.address) as connection:
        await connection.send(head_of(method, target, (("Host", "localhost"), *headers)), b"")
        return await connection.answer(method)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "ERR_NOT_FOUND"),
        ("GET", "/api/v1", 404, "ERR_NOT_FOUND"),
        ("PUT", "/api/v1/me", 405, "ERR_METHOD_NOT_ALLOWED"),
        ("GET", "/file/" + "0" * 32, 404, "ERR_NOT_FOUND"),
        ("GET", "/file/..%2fetc", 404, "ERR_NOT_FOUND"),
        ("GET", "/s/x", 404, "ERR_LINK_NOT_FOUND"),
    ],
)
async def test_the_api_refuses_in_the_form_of_rfc_9457(
    shared_server: Server, method: str, path: str, status: int, code: str
) -> None:
    refused = await ask(shared_server, method, path)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["cache-control"] == "no-store"
    assert "tus-resumable" not in refused.headers
    said = json.loads(refused.body)
    assert (refused.status, said["status"], said["code"]) == (status, status, code)
    assert (said["type"], bool(said["title"]), bool(said["detail"])) == ("about:blank", True, True)


async def test_tus_still_refuses_in_tusds_form(shared_server: Server) -> None:
    refused = await ask(shared_server, "HEAD", "/files/" + "0" * 32, ("Tus-Resumable", "1.0.0"))
    assert (refused.status, refused.headers["content-type"]) == (404, "text/plain; charset=utf-8")


async def test_me_says_who_one_is(shared_server: Server) -> None:
    told = await ask(shared_server, "GET", "/api/v1/me")
    assert told.headers["content-type"] == "application/json"
    assert json.loads(told.body) == {
        "tenant": "",
        "user_id": "anonymous",
        "scopes": ["admin", "read", "upload"],
        "shares_name": False,
        "usage": None,
        "quota": None,
    }
    forwarded = await ask(shared_server, "GET", "/api/v1/me", ("Via", "1.1 proxy"))
    assert json.loads(forwarded.body)["scopes"] == ["read", "upload"]
    assert json.loads(forwarded.body)["shares_name"] is True


NOBODY = "0" * 32
_JSON = ("Content-Type", "application/json")
REFUSED = {
    "an upload that is not there": ("HEAD", f"/files/{NOBODY}", [], b"", 404),
    "a file that is not there": ("GET", f"/files/{NOBODY}", [], b"", 404),
    "no length": ("POST", "/files/", [], b"", 400),
    "too much": ("POST", "/files/", [("Upload-Length", "99999999999999999999")], b"", 413),
    "no such path": ("GET", "/nothing/here", [], b"", 404),
    "no such method": ("PUT", "/api/v1/uploads", [], b"", 405),
    "nothing of that id": ("GET", f"/api/v1/uploads/{NOBODY}", [], b"", 404),
    "an odd query": ("GET", "/api/v1/uploads?limit=x", [], b"", 400),
    "no JSON": ("POST", "/upload/initiate", [_JSON], b"{", 400),
    "another type": ("POST", "/upload/initiate", [("Content-Type", "a/b")], b"{}", 415),
    "JSON that never comes": ("POST", "/upload/initiate", [_JSON], None, 503),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_was_refused_is_let_go_without_the_collector(tmp_path: Path, case: str) -> None:
    """It comes seldom, and thousands of refused connections would stay until it does."""
    method, target, headers, body, status = REFUSED[case]
    own = [("Host", "localhost"), ("Tus-Resumable", "1.0.0"), *headers]
    own.append(("Content-Length", "10" if body is None else str(len(body))))
    async with (
        application(tmp_path, "/files/", json=0.2) as app,
        without_the_collector(app) as address,
        await Connection.open(address) as connection,
    ):
        await connection.send(head_of(method, target, own) + (body or b""))
        assert (await connection.answer(method)).status == status


def _connections() -> list[BoundedConnection]:
    """All in this process, of whatever server."""
    return [one for one in gc.get_objects() if isinstance(one, BoundedConnection)]


@asynccontextmanager
async def without_the_collector(app: web.Application) -> AsyncIterator[Address]:
    """A server whose connections have to go all the same once what is done with them is over."""
    running = TusRunner(app, settings=settings_with())
    await running.setup()
    await web.TCPSite(running, "127.0.0.1", 0).start()
    gc.collect()
    gc.disable()
    others = {id(one) for one in _connections()}
    try:
        yield Address("127.0.0.1", running.addresses[0][1])
        async with asyncio.timeout(10):
            while {id(one) for one in _connections()} - others:
                await asyncio.sleep(0.05)
    finally:
        gc.enable()
        await running.cleanup()


async def test_what_could_not_be_read_is_let_go_without_the_collector(tmp_path: Path) -> None:
    async with (
        application(tmp_path, "/files/") as app,
        without_the_collector(app) as address,
        await Connection.open(address) as connection,
    ):
        await connection.send(b"a@\r\n\r\n")
        assert (await connection.answer()).status == 400


async def test_what_was_never_answered_is_let_go_without_the_collector(tmp_path: Path) -> None:
    """What cannot be read lies behind a request whose answer nobody takes."""
    async with (
        application(tmp_path, "/files/") as app,
        without_the_collector(app) as address,
        await Connection.open(address) as connection,
    ):
        await connection.send(head_of("GET", "/api/v1/events", [("Host", "localhost")]))
        assert b"200 OK" in await connection.raw_head()
        await connection.send(b"a@\r\n\r\n")
