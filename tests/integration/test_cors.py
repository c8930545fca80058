"""CORS tables (threat S9): who may read answers, and that no answer escapes."""

from typing import Any

import pytest

from tusd_py.config.settings import Cors
from tusd_py.errors import Refused
from tusd_py.server.cors import METHODS, REQUEST_HEADERS, RESPONSE_HEADERS, CorsPolicy

from .tiny import ask, settings_with, tiny_server

NAMED: dict[str, Any] = {"allow_origin": r"https://app\.example\.org(:8443)?"}

FOREIGN = [
    "https://app.example.org.evil.com",
    "https://evil.com/https://app.example.org",
    "https://evilapp.example.org",
    "https://appXexample.org",
    "https://example.org",
    "https://sub.app.example.org",
    "http://app.example.org",
    "https://app.example.org:444",
    "https://app.example.org:84430",
    "https://app.example.org:8443:8443",
    "https://app.example.org/",
    "https://app.example.org/path",
    "https://app.example.org?x",
    "https://app.example.org#x",
    "https://user@app.example.org",
    "https://app.example.org@evil.com",
    "HTTPS://APP.EXAMPLE.ORG",
    "https://app.example.org ,https://evil.com",
    "https://evil.com https://app.example.org",
    "https://app。example.org",
    "https://\u0430pp.example.org",
    "https://app.example.org\x00",
    "//app.example.org",
    "app.example.org",
    "null",
    "",
    "*",
    "file://",
    "https://app.example.org\n",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_foreign_origins_are_not_allowed(origin: str) -> None:
    assert not CorsPolicy(Cors(**NAMED)).allows(origin)


@pytest.mark.parametrize(
    "origin", ["null", "", "*", "file://", "https://\u0430pp.example.org", "https://a/b"]
)
def test_even_an_open_policy_allows_only_origins(origin: str) -> None:
    assert not CorsPolicy(Cors()).allows(origin)


@pytest.mark.parametrize("origin", ["https://app.example.org", "https://app.example.org:8443"])
def test_named_origins_are_allowed(origin: str) -> None:
    assert CorsPolicy(Cors(**NAMED)).allows(origin)


@pytest.mark.parametrize(
    "origin", ["https://a.b", "http://localhost:3000", "http://[::1]:8080", "capacitor://localhost"]
)
def test_an_open_policy_allows_any_origin(origin: str) -> None:
    assert CorsPolicy(Cors()).allows(origin)


def test_credentials_need_named_origins() -> None:
    for pattern in (".*", "https://.*", r"https?://[a-z.]+"):
        with pytest.raises(Refused):
            CorsPolicy(Cors(allow_credentials=True, allow_origin=pattern))
    with pytest.raises(Refused):
        CorsPolicy(Cors(allow_origin="("))


PREFLIGHT = """OPTIONS /files/0123 HTTP/1.1
Origin: https://app.example.org
Access-Control-Request-Method: PATCH
Access-Control-Request-Headers: tus-resumable,upload-offset,content-type
Access-Control-Request-Private-Network: true"""


@pytest.mark.parametrize("target", ["/files/", "/file/x", "/nothing"])
async def test_a_preflight_lists_everything_and_touches_nothing(target: str) -> None:
    async with tiny_server(settings_with(cors=NAMED | {"allow_headers": ("X-Mine",)})) as tiny:
        answer = await ask(tiny, PREFLIGHT.replace("/files/0123", target))
        assert answer.status in (200, 204)
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        assert answer.headers["access-control-allow-methods"].split(", ") == list(METHODS)
        assert answer.headers["access-control-allow-headers"].split(", ") == [*REQUEST_HEADERS, "X-Mine"]
        assert answer.headers["access-control-max-age"] == "86400"
        assert answer.headers["access-control-allow-private-network"] == "true"
        assert answer.headers["vary"].startswith("Origin")
        assert "access-control-expose-headers" not in answer.headers
        assert "access-control-allow-credentials" not in answer.headers
        assert tiny.calls == []


async def test_private_networks_are_only_opened_to_named_pages() -> None:
    async with tiny_server() as tiny:
        answer = await ask(tiny, PREFLIGHT.replace("0123", ""))
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        assert "access-control-allow-private-network" not in answer.headers


@pytest.mark.parametrize(
    "head",
    [
        "POST /files/ HTTP/1.1\nContent-Length: 0",
        "GET /files/nothing HTTP/1.1",
        "PUT /files/ HTTP/1.1",
        "GET /files/crash HTTP/1.1",
        "PATCH /files/refuse HTTP/1.1\nContent-Length: 5",
        "GET /files/hang HTTP/1.1\nContent-Length: 1",
        "POST /files/ HTTP/1.1\nContent-Length: 0\nExpect: x",
        "GET /nothing HTTP/1.1\nExpect: x",
    ],
)
async def test_every_answer_can_be_read_by_the_page_errors_too(head: str) -> None:
    async with tiny_server(settings_with(cors=NAMED | {"allow_credentials": True})) as tiny:
        answer = await ask(tiny, head + "\nOrigin: https://app.example.org")
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-expose-headers"].split(", ") == list(RESPONSE_HEADERS)
        assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("cors", [NAMED, {"disable": True}])
async def test_a_page_that_is_not_allowed_gets_no_headers(cors: dict[str, object]) -> None:
    async with tiny_server(settings_with(cors=cors)) as tiny:
        for head in (
            "POST /files/ HTTP/1.1\nContent-Length: 0",
            PREFLIGHT.split("\nOrigin", maxsplit=1)[0].replace("0123", ""),
        ):
            answer = await ask(tiny, head + "\nOrigin: https://evil.com\nAccess-Control-Request-Method: POST")
            assert not [name for name in answer.headers if name.startswith("access-control")]
            assert ("vary" in answer.headers) == ("disable" not in cors)


@pytest.mark.parametrize(
    ("cors", "told"),
    [
        ({}, "*"),
        ({"allow_origin": ".*", "expose_headers": ("X-Mine",)}, "*"),
        ({"allow_origin": "https://.*"}, None),
        (NAMED, None),
        ({"disable": True}, None),
    ],
)
@pytest.mark.parametrize("head", ["POST /files/ HTTP/1.1\nX: {long}", "POST /files/ HTTP/1.1\nX y: z"])
async def test_a_page_may_read_why_its_head_was_not_understood_where_every_page_may_read_answers(
    cors: dict[str, Any], told: str | None, head: str
) -> None:
    """Whose it was nobody can tell: its Origin may not even have come."""
    async with tiny_server(settings_with(cors=cors)) as tiny:
        answer = await ask(tiny, f"{head.format(long='a' * 20_000)}\nOrigin: https://app.example.org")
        assert answer.status == 400
        assert answer.headers.get("access-control-allow-origin") == told
        assert "access-control-allow-credentials" not in answer.headers
