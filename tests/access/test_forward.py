"""Forward-auth: an endpoint that knows, one that says no, and one that does not answer; and cookies."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from protocol.errors import OriginRefused
from tests.harness.ports import free_port
from tests.harness.server import Server
from tests.harness.wire import Answer, request
from tests.integration.hosted import hosted, settings_in
from tusd_py import setup_tus
from tusd_py.config.settings import Access, Settings
from tusd_py.config.settings import Server as ServerSettings
from tusd_py.server.cors import CorsPolicy
from tusd_py.server.credentials import shown_in

from .asking import OFFSET_BYTES, TUS, who_in
from .issuer import AUDIENCE, ISSUER, SECRET, token

NAMED = "https://app.example"


@dataclass
class Endpoint:
    """Whoever has the session of ann is ann."""

    asked: list[dict[str, str]] = field(default_factory=list)
    says: str = ""

    async def who(self, request: web.Request) -> web.Response:
        self.asked.append({name.lower(): value for name, value in request.headers.items()})
        if self.says == "slow":
            await asyncio.sleep(30)
        if self.says.isdecimal():
            return web.Response(status=int(self.says))
        if self.says == "nobody":
            return web.Response()
        if self.says.startswith("of "):
            found = {"X-Auth-Subject": "root", "X-Auth-Scopes": "admin"}
            tenant = self.says.removeprefix("of ")
            return web.Response(headers=found | ({"X-Auth-Tenant": tenant} if tenant != "none" else {}))
        if request.headers.get("Cookie") != "session=ann":
            return web.Response(status=401)
        named = {"X-Auth-Subject": "ann", "X-Auth-Tenant": "acme", "X-Auth-Scopes": "upload, read"}
        return web.Response(status=204, headers=named)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, int]]:
    """A server, and the port where it asks; it remembers nothing."""
    port = free_port()
    settings = {
        "access.auth": "forward",
        "access.forward_url": f"http://127.0.0.1:{port}/who",
        "access.forward_timeout": "5s",
        "access.cache": "0",
        "cors.allow_origin": r"https://app\.example",
    }
    running = Server(folder=tmp_path_factory.mktemp("forward"), settings=settings)
    asyncio.run(running.start())
    yield running, port
    asyncio.run(running.stop())


@asynccontextmanager
async def endpoint_at(port: int, says: str = "") -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(says=says)
    app = web.Application()
    app.router.add_get("/who", endpoint.who)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield endpoint
    finally:
        await runner.cleanup()


ANN = ("Cookie", "session=ann")


async def me(server: Server, *headers: tuple[str, str]) -> Answer:
    return await request(server.address, "GET", "/api/v1/me", headers)


async def test_the_endpoint_says_who_it_is(asking: tuple[Server, int]) -> None:
    server, port = asking
    async with endpoint_at(port) as endpoint:
        said = await me(server, ANN, ("X-Other", "geheim"))
        assert who_in(said) == {"tenant": "acme", "user_id": "ann", "scopes": ["read", "upload"]}
        # It gets the headers that were named, and no others of the visitor.
        assert endpoint.asked[0]["cookie"] == "session=ann"
        assert "x-other" not in endpoint.asked[0]
        assert (await me(server)).status == 401
        assert len(endpoint.asked) == 1, "there was nothing to ask about"
        assert (await me(server, ("Cookie", "session=eve"))).status == 401
        assert (await me(server, ("Authorization", "Basic YTpi"))).status == 401
        assert endpoint.asked[-1]["authorization"] == "Basic YTpi"


async def test_what_is_no_text_is_nobodys_and_is_not_passed_on(asking: tuple[Server, int]) -> None:
    server, port = asking
    async with endpoint_at(port) as endpoint:
        for strange in (("Cookie", "session=ann\xff"), ("Authorization", "Basic YTpi\xff")):
            assert (await me(server, strange)).status == 401
        assert endpoint.asked == []
        assert (await me(server, ("Cookie", "session=\xc3\xa4"))).status == 401
        assert len(endpoint.asked) == 1, "UTF-8 is text"


# An admin of no tenant would oversee everybody's, so a tenant that was forgotten is none.
@pytest.mark.parametrize("says", ["500", "302", "429", "slow", "nobody", "of none", "of a/b"])
async def test_an_endpoint_that_says_neither_yes_nor_no_keeps_nobody_out_for_good(
    asking: tuple[Server, int], says: str
) -> None:
    server, port = asking
    async with endpoint_at(port, says) as endpoint:
        refused = await me(server, ANN)
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        # tus-js-client would begin from byte 0.
        head = await request(server.address, "HEAD", f"/files/{'0' * 32}", (ANN, TUS))
        assert (head.status, head.headers["retry-after"]) == (423, "5")
        endpoint.says = ""
        assert (await me(server, ANN)).status == 200


PAGES = {
    "no page": ((), 403),
    "our own page": ((("Origin", "{ours}"),), 201),
    "a page that is named": ((("Origin", NAMED),), 201),
    "another page": ((("Origin", "https://evil.example"),), 403),
    "a page that begins the same": ((("Origin", NAMED + ".evil.example"),), 403),
    "a sandboxed page": ((("Origin", "null"),), 403),
    "two pages": ((("Origin", NAMED), ("Origin", "https://evil.example")), 403),
    "our host on another port": ((("Origin", "http://127.0.0.1:1"),), 403),
    "another scheme": ((("Origin", "http://app.example"),), 403),
}


@pytest.mark.parametrize("case", PAGES)
async def test_with_a_cookie_only_pages_that_are_named_may_write(
    asking: tuple[Server, int], case: str
) -> None:
    origins, status = PAGES[case]
    server, port = asking
    async with endpoint_at(port):
        said = tuple((name, value.format(ours=server.address.url)) for name, value in origins)
        create = (ANN, TUS, ("Upload-Length", "1"), *said)
        assert (await request(server.address, "POST", "/files/", create)).status == status


@pytest.mark.parametrize("verb", ["PATCH", "DELETE", "HEAD"])
async def test_a_method_in_a_header_changes_nothing_about_that(asking: tuple[Server, int], verb: str) -> None:
    server, port = asking
    evil = [ANN, TUS, ("Origin", "https://evil.example"), ("X-HTTP-Method-Override", verb)]
    evil += [("Upload-Offset", "0"), ("Content-Length", "0"), OFFSET_BYTES]
    async with endpoint_at(port):
        refused = await request(server.address, "POST", f"/files/{'0' * 32}", evil)
        assert refused.status == 403


@pytest.mark.parametrize("name", ["Cookie", "cookie"])
async def test_however_the_header_is_spelled_other_pages_do_not_use_a_cookie(name: str) -> None:
    settings = Settings(
        server=ServerSettings(public_url="https://files.example"),
        access=Access(auth=("forward",), forward_headers=("Authorization", name)),
    )
    evil = {"Cookie": "session=ann", "Origin": "https://evil.example"}
    # A browser sends what somebody typed into its own window with every request, too.
    for sent in (evil, evil | {"Authorization": "Basic YTpi"}):
        asked = make_mocked_request("POST", "/api/v1/ticket", sent)
        with pytest.raises(OriginRefused):
            shown_in(asked, settings, CorsPolicy(settings.cors), takes_ticket=False)
    ours = make_mocked_request("POST", "/api/v1/ticket", evil | {"Authorization": "Bearer abc"})
    assert shown_in(ours, settings, CorsPolicy(settings.cors), takes_ticket=False).credential == "abc"


async def test_a_cookie_counts_only_where_one_is_configured(guarded: Server) -> None:
    assert (await me(guarded, ("Cookie", f"session={token(tenant='acme')}"))).status == 401


async def test_with_a_token_in_a_cookie_only_our_own_page_writes(tmp_path: Path) -> None:
    """The default of CORS lets any page read what needs no credentials; that names nobody."""
    app = web.Application()
    chosen: dict[str, object] = {
        "access_auth": "jwt",
        "access_jwt_issuer": ISSUER,
        "access_jwt_audience": [AUDIENCE],
        "access_jwt_secret": SECRET,
        "access_jwt_tenant": "tenant",
    }
    setup_tus(app, "/files/", settings=settings_in(tmp_path, access_cookie="session", **chosen))
    session = {"Cookie": f"other=1; session={token(tenant='acme')}"}
    async with hosted(app) as host:

        async def create(**origin: str) -> int:
            return (await host.ask("POST", "/files/", b"", Upload_Length="1", **session, **origin)).status

        assert await create(Origin=host.url) == 201
        assert await create() == 403
        assert await create(Origin="https://evil.example") == 403
        assert (await host.ask("GET", f"/files/{'0' * 32}", b"", **session)).status == 404
        upgrade = {"Upgrade": "websocket", "Origin": "https://evil.example"}
        assert (await host.ask("GET", f"/files/{'0' * 32}", b"", **session, **upgrade)).status == 403
