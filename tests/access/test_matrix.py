"""Every route, asked by everybody: what the rules of `access/authorize.py` say, nothing else.

The cells come from the route table, so a new route is asked about as soon as it is there. What is expected
comes from its action. A route that names something new wants a line in `sample`.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import pytest

from tests.harness.server import ROOT, Server
from tests.harness.wire import request
from tusd_py.access.authorize import RULES, Action
from tusd_py.access.identity import Identity, Scope
from tusd_py.server.route import BASE, Route
from tusd_py.server.routes import TABLE

from .asking import TUS, Head, Headers, ask_for_head, new_file, new_link, new_multipart, new_upload
from .issuer import bearer, token

LATE, LONG_AGO = 3600, 72 * 3600
"""Seconds: within resume_grace and beyond it."""

OWNER = Identity(tenant="acme", subject="ann", scopes=frozenset({Scope.UPLOAD, Scope.READ}))
NOBODY = replace(OWNER, subject="", scopes=frozenset())
EVERYTHING = frozenset(Scope)
CHIEF = replace(OWNER, tenant="hq", subject="chief", scopes=EVERYTHING, is_super=True)
OF_OTHER_UPLOAD = replace(OWNER, scopes=frozenset({Scope.UPLOAD}), only_upload="other", may_terminate=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Somebody who asks. `of` is who they are once they are known."""

    name: str
    of: Identity
    age: float | None = None
    """Seconds for which the token has been expired."""


ACTORS = (
    Actor(name="nobody", of=NOBODY),
    Actor(name="other user", of=replace(OWNER, subject="bob")),
    Actor(name="other tenant, same name", of=replace(OWNER, tenant="other")),
    Actor(name="admin of another tenant", of=replace(OWNER, tenant="other", scopes=EVERYTHING)),
    Actor(name="expired", of=replace(OWNER, has_expired=True), age=LATE),
    Actor(name="expired long ago", of=NOBODY, age=LONG_AGO),
    Actor(
        name="expired admin", of=replace(OWNER, subject="root", scopes=EVERYTHING, has_expired=True), age=LATE
    ),
    Actor(name="read-only", of=replace(OWNER, scopes=frozenset({Scope.READ}))),
    Actor(name="upload-only", of=replace(OWNER, scopes=frozenset({Scope.UPLOAD}))),
    Actor(name="no scope", of=replace(OWNER, scopes=frozenset())),
    Actor(name="token of another upload", of=OF_OTHER_UPLOAD),
    Actor(name="token of this upload", of=replace(OF_OTHER_UPLOAD, only_upload="this")),
    Actor(name="owner", of=OWNER),
    Actor(name="admin", of=replace(OWNER, subject="root", scopes=EVERYTHING)),
    Actor(name="super admin", of=CHIEF),
)

IN, PUBLIC = "in", "public"


def expected(route: Route, actor: Actor) -> int | str:
    """A status, or that one is let in."""
    if route.action is None:
        return PUBLIC
    rule, who = RULES[route.action], actor.of
    if not who.subject or (who.has_expired and not rule.resumes):
        return 401
    if who.only_upload and (not rule.of_token or route.action is Action.TERMINATE):
        return 403
    if rule.needs is not None and rule.needs not in who.scopes and Scope.ADMIN not in who.scopes:
        return 403
    if rule.of_all_tenants and who.tenant and not who.is_super:
        return 403
    if route.hides and not _may_touch(route.action, who):
        return 404
    return IN


def _may_touch(action: Action, who: Identity) -> bool:
    if who.only_upload:
        return who.only_upload == "this"
    if (who.tenant, who.subject) == (OWNER.tenant, OWNER.subject):
        return True
    is_admin_here = Scope.ADMIN in who.scopes and (who.tenant == OWNER.tenant or who.is_super)
    return is_admin_here and RULES[action].to_admin and not who.has_expired


NOT_THERE = frozenset({"delivery_id"})
"""No webhook is configured here, so whoever is let in hears 404, too."""


def _agrees(found: int, wanted: int | str, route: Route) -> bool:
    if wanted is PUBLIC:
        return found not in (401, 403) and found < 500
    if wanted is IN:
        is_there = route.hides and not any(f"{{{name}}}" in route.path for name in NOT_THERE)
        absent = {404} if is_there else set()
        return found not in {401, 403, 405} | absent and found < 500
    return found == wanted


# --- asking


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """What the owner has, new for each cell that may change it."""

    upload_id: str
    file_id: str
    link_id: str
    multipart_id: str
    other_upload_token: str
    upload_token: str


def signed(who: Identity, age: float | None = None) -> tuple[str, str]:
    scope = " ".join(sorted(who.scopes))
    until = time.time() + 600 if age is None else time.time() - age
    return bearer(token(sub=who.subject, tenant=who.tenant, scope=scope, exp=int(until)))


def credentials(actor: Actor, things: Things) -> Headers:
    if actor.name == "nobody":
        return ()
    if actor.of.only_upload:
        this = actor.of.only_upload == "this"
        return (bearer(things.upload_token if this else things.other_upload_token),)
    return (signed(actor.of if actor.of.subject else OWNER, actor.age),)


def sample(name: str, things: Things) -> str:
    """Something of the owner's for what a path names."""
    known: dict[str, Callable[[], str]] = {
        "upload_id": lambda: things.upload_id,
        "file_id": lambda: things.file_id,
        "n": lambda: "1",
        "delivery_id": lambda: "0" * 32,
        # Of the page, and of links, where knowing the name is all: nobody is asked who they are.
        "name": lambda: "index.js",
        "token": lambda: "x",
        "link_id": lambda: things.link_id,
        "multipart_id": lambda: things.multipart_id,
        "part_number": lambda: "1",
    }
    assert name in known, f"say in sample() what a {{{name}}} of the owner's is"
    return known[name]()


def target_of(route: Route, things: Things) -> str:
    path = route.path.replace(BASE, "/files/")
    return re.sub(r"\{(\w+)\}", lambda found: sample(found[1], things), path)


def headers_of(route: Route) -> Headers:
    """What the request needs to come as far as the question of who asks."""
    said: list[tuple[str, str]] = []
    if route.path.startswith(BASE):
        said.append(TUS)
    if route.name == "tus_create":
        said.append(("Upload-Length", "2"))
    if route.method in ("POST", "PATCH", "PUT"):
        said += [("Content-Type", route.reads), ("Content-Length", "2"), ("Expect", "100-continue")]
    if route.name == "tus_append":
        said.append(("Upload-Offset", "0"))
    return tuple(said)


def methods_of(route: Route) -> tuple[str, ...]:
    # HEAD of an upload is a route of its own.
    also_head = route.method == "GET" and not route.path.startswith(BASE)
    return ("GET", "HEAD") if also_head else (route.method,)


async def post(server: Server, target: str, *headers: tuple[str, str]) -> dict[str, str]:
    made = await request(server.address, "POST", target, headers)
    assert made.status == 201, made.body
    found: dict[str, str] = json.loads(made.body)
    return found


async def things_of_owner(server: Server) -> Things:
    as_owner = signed(OWNER)
    uploads = [await new_upload(server, [as_owner]) for _ in range(2)]
    _, file_id = await new_file(server, [as_owner])
    tokens = [
        (await post(server, f"/api/v1/uploads/{upload}/token", as_owner))["token"] for upload in uploads
    ]
    link_id = await new_link(server, [as_owner], file_id)
    return Things(
        upload_id=uploads[0],
        file_id=file_id,
        link_id=link_id,
        multipart_id=await new_multipart(server, [as_owner]),
        upload_token=tokens[0],
        other_upload_token=tokens[1],
    )


ROUTES = [route for face in TABLE for route in face.routes]


def in_order(route: Route) -> list[Actor]:
    """Those who are refused first: they must leave everything as it was for those who are not."""
    return sorted(ACTORS, key=lambda actor: expected(route, actor) in (IN, PUBLIC))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_every_route_says_to_everybody_what_its_rule_says(guarded: Server, route: Route) -> None:
    wrong: dict[str, str] = {}
    things = await things_of_owner(guarded)
    for actor in in_order(route):
        wanted = expected(route, actor)
        if wanted is IN and route.method not in ("GET", "HEAD"):
            things = await things_of_owner(guarded)
        said = credentials(actor, things) + headers_of(route)
        for method in methods_of(route):
            found = await ask_for_head(guarded.address, method, target_of(route, things), said)
            if not _agrees(found.status, wanted, route) or _is_careless(found, wanted):
                wrong[f"{method} by {actor.name}, wanted {wanted}"] = found.text
    assert wrong == {}
    assert "Traceback" not in guarded.log


@pytest.mark.parametrize("route", [one for one in ROUTES if one.hides], ids=lambda route: route.name)
async def test_a_refusal_does_not_say_whether_there_is_such_a_thing(guarded: Server, route: Route) -> None:
    wrong: dict[str, str] = {}
    things = await things_of_owner(guarded)
    no_id = "0" * 32
    nothing = replace(things, upload_id=no_id, file_id=no_id, link_id=no_id, multipart_id=no_id)
    for actor in ACTORS:
        if expected(route, actor) in (IN, PUBLIC):
            continue
        said = credentials(actor, things) + headers_of(route)
        for method in methods_of(route):
            there, absent = [
                await ask_for_head(guarded.address, method, target_of(route, named), said)
                for named in (things, nothing)
            ]
            if _refusal(there) != _refusal(absent):
                wrong[f"{method} by {actor.name}"] = f"{there.text}\n{absent.text}"
    assert wrong == {}


def _refusal(head: Head) -> list[str]:
    """What an answer says, apart from what no two of them have in common."""
    lines = head.text.lower().splitlines()
    return [line for line in lines if not line.startswith(("date:", "x-request-id:"))]


def _is_careless(found: Head, wanted: int | str) -> bool:
    """A body was asked for in vain, or a 401 does not say what would do."""
    if wanted in (IN, PUBLIC):
        return False
    return found.was_invited or (found.status == 401 and not found.header("WWW-Authenticate"))


NOBODY_IS_ASKED = frozenset(
    {
        *("alive", "alive_too", "ready"),
        *("page", "library_page", "operate_page", "asset", "config", "plain_page"),
        *("tus_options", "auth", "openapi"),
        "visit",  # of a share link: its token is the permission
    }
)
"""Whoever adds a route without an action has thought about it, and adds it here."""


def test_every_other_route_asks_who_it_is() -> None:
    assert {route.name for route in ROUTES if route.action is None} <= NOBODY_IS_ASKED


@pytest.mark.parametrize("verb", ["PATCH", "DELETE", "HEAD"])
async def test_a_method_in_a_header_is_judged_as_the_one_it_means(guarded: Server, verb: str) -> None:
    (route,) = (one for one in ROUTES if one.method == verb and one.path == BASE + "{upload_id}")
    framing = ("Content-Length", "Expect")
    plain = tuple(header for header in headers_of(route) if header[0] not in framing)
    wrong: dict[str, int] = {}
    things = await things_of_owner(guarded)
    for actor in in_order(route):
        if expected(route, actor) is IN:
            things = await things_of_owner(guarded)
        said = (
            *credentials(actor, things),
            *plain,
            ("X-HTTP-Method-Override", verb),
            ("Content-Length", "0"),
        )
        found = await ask_for_head(guarded.address, "POST", target_of(route, things), said)
        if not _agrees(found.status, expected(route, actor), route):
            wrong[actor.name] = found.status
    assert wrong == {}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_a_preflight_needs_no_credentials(guarded: Server, route: Route) -> None:
    things = Things(**{one.name: "0" * 32 for one in fields(Things)})
    asked = (("Origin", "https://app.example"), ("Access-Control-Request-Method", route.method))
    found = await ask_for_head(guarded.address, "OPTIONS", target_of(route, things), asked)
    assert found.status in (200, 204)
    assert "authorization" in found.header("Access-Control-Allow-Headers").lower()
    assert "x-api-key" in found.header("Access-Control-Allow-Headers").lower()


def test_the_page_on_security_counts_what_is_asked() -> None:
    cells = len(ACTORS) * sum(len(methods_of(route)) for route in ROUTES)
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    assert f"asked by {len(ACTORS)} visitors" in page
    assert f"{cells:,} of {cells:,} cells ({len(ROUTES)} routes)" in page


async def test_a_page_may_read_what_a_refusal_wants(guarded: Server) -> None:
    refused = await ask_for_head(guarded.address, "GET", "/api/v1/me", (("Origin", "https://app.example"),))
    assert (refused.status, refused.header("WWW-Authenticate")) == (401, 'Bearer realm="tusd-py"')
    assert "WWW-Authenticate" in refused.header("Access-Control-Expose-Headers")
