"""A mount in somebody's application knows visitors by the settings, unless the program knows better."""

from pathlib import Path

from aiohttp import web

from tests.integration.hosted import hosted, settings_in
from tusd_py import Identity, Scope, Settings, setup_tus

from .issuer import AUDIENCE, ISSUER, SECRET, bearer, token


def settings(folder: Path) -> Settings:
    return settings_in(
        folder,
        access_auth=["jwt"],
        access_jwt_issuer=ISSUER,
        access_jwt_audience=[AUDIENCE],
        access_jwt_secret=SECRET,
    )


async def test_a_mount_asks_for_what_the_settings_say(tmp_path: Path) -> None:
    app = web.Application()
    setup_tus(app, "/files/", settings=settings(tmp_path))
    async with hosted(app) as host:
        refused = await host.ask("POST", "/files/", Upload_Length="5")
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="tusd-py"')
        ann, bob = (dict([bearer(token(sub=name))]) for name in ("ann", "bob"))
        url = await host.create("/files/", 5, b"hello", **ann)
        assert await host.content(url, **ann) == b"hello"
        assert (await host.ask("GET", url, b"", **bob)).status == 404


async def test_a_programs_own_answer_comes_before_the_settings(tmp_path: Path) -> None:
    async def everybody_is_ann(_request: web.Request) -> Identity:
        return Identity(tenant="", subject="ann", scopes=frozenset({Scope.UPLOAD, Scope.READ}))

    app = web.Application()
    setup_tus(app, "/files/", settings=settings(tmp_path), identify=everybody_is_ann)
    async with hosted(app) as host:
        assert await host.content(await host.create("/files/", 5, b"hello")) == b"hello"
