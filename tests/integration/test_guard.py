"""Requests that aiohttp lets through and we do not, and what every answer carries."""

import asyncio

import pytest

from tusd_py.server.routes import TABLE
from tusd_py.server.tus import COLLECTION_METHODS, UPLOAD_METHODS

from .tiny import Connection, Tiny, ask, events, settings_with, tiny_server

POST = "POST /files/ HTTP/1.1\n"


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        ("POST /files/ HTTP/2.0\nContent-Length: 0", 400, "ERR_INVALID_HEADER"),
        ("POST /files/ HTTP/1.9\nContent-Length: 0", 400, "ERR_INVALID_HEADER"),
        ("POST /files/ HTTP/0.9\nContent-Length: 0", 400, "ERR_INVALID_HEADER"),
        ("POST /files/ HTTP/1.0\nTransfer-Encoding: chunked", 400, "ERR_INVALID_HEADER"),
        ("GET /files/hang HTTP/1.1\nContent-Length: 4", 400, "ERR_INVALID_HEADER"),
        ("GET /files/hang HTTP/1.1\nTransfer-Encoding: chunked", 400, "ERR_INVALID_HEADER"),
        (POST + "Content-Length: 0\nHost: a b", 400, "ERR_INVALID_HEADER"),
        (POST + "Content-Length: 0\nHost: a/b", 400, "ERR_INVALID_HEADER"),
        (POST + "Content-Length: 0\nHost: a@b", 400, "ERR_INVALID_HEADER"),
        (POST + "Content-Length: 0\nHost: [1:2]", 400, "ERR_INVALID_HEADER"),
        (POST + "Content-Length: 0\nHost: [127.0.0.1]:80", 400, "ERR_INVALID_HEADER"),
        (POST + "Content-Length: 0\nExpect: 200-ok", 417, "ERR_EXPECTATION_FAILED"),
        ("GET /files/nothing/here HTTP/1.1\nExpect: \xff", 417, "ERR_EXPECTATION_FAILED"),
        ("GET /files/nothing/here HTTP/1.1", 404, "ERR_NOT_FOUND"),
        ("GET /nothing HTTP/1.1", 404, "ERR_NOT_FOUND"),
        ("PUT /files/ HTTP/1.1", 405, "ERR_METHOD_NOT_ALLOWED"),
        ("GET /files/crash HTTP/1.1", 500, "ERR_INTERNAL_SERVER_ERROR"),
    ],
)
async def test_refusals_are_in_tusds_form(head: str, status: int, code: str) -> None:
    async with tiny_server() as tiny:
        answer = await ask(tiny, head)
        assert (answer.status, answer.body.split(b":")[0].decode()) == (status, code)
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["server"] == "tusd-py"
        assert ("retry-after" in answer.headers) == (status >= 500)
        assert tiny.calls == []


async def test_405_says_what_is_allowed() -> None:
    async with tiny_server() as tiny:
        assert (await ask(tiny, "PUT /files/ HTTP/1.1")).headers["allow"] == "OPTIONS,POST"


async def test_the_server_as_a_whole_says_which_methods_there_are() -> None:
    async with tiny_server() as tiny:
        answer = await ask(tiny, "OPTIONS * HTTP/1.1")
        assert (answer.status, answer.body) == (204, b"")
        assert {"tus-version", "tus-resumable", "upload-limit"}.isdisjoint(answer.headers)
        taken = {route.method for face in TABLE for route in face.routes}
        assert {*answer.headers["allow"].split(", ")} == taken | {
            "HEAD",
            *UPLOAD_METHODS,
            *COLLECTION_METHODS,
        }
        assert (await ask(tiny, "OPTIONS * HTTP/1.1\nHost: a/b")).status == 400
        assert (await ask(tiny, "GET * HTTP/1.1")).status in (400, 404)
        assert tiny.calls == []


async def test_a_crash_is_logged_once_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with tiny_server() as tiny:
        answer = await ask(tiny, "GET /files/crash HTTP/1.1")
        assert b"secret" not in answer.body
    (failed,) = [record for record in caplog.records if record.exc_info]
    assert events([failed]) == ["request.failed"]


async def test_whatever_passes_by_is_423_on_the_head_of_an_upload() -> None:
    async with tiny_server() as tiny:
        answer = await ask(tiny, "HEAD /files/crash HTTP/1.1")
        assert (answer.status, answer.headers["retry-after"]) == (423, "5")
        overridden = await ask(tiny, "POST /files/crash HTTP/1.1\nX-HTTP-Method-Override: HEAD")
        assert overridden.status == 423


async def test_only_allowed_hosts_are_served() -> None:
    server = {"allowed_hosts": ("Files.Example.org", "localhost:8080", "[::1]")}
    table = {
        "files.example.org": 201,
        "FILES.EXAMPLE.ORG:1234": 201,
        "files.example.org.": 201,
        "localhost:8080": 201,
        "[::1]:80": 201,
        "localhost": 421,
        "evil.org": 421,
        "files.example.org.evil.org": 421,
        "xfiles.example.org": 421,
    }
    async with tiny_server(settings_with(server=server)) as tiny:
        for host, status in table.items():
            answer = await ask(tiny, POST + f"Content-Length: 0\nHost: {host}")
            assert answer.status == status, host
        async with await Connection.open(tiny.address) as connection:
            await connection.send(b"POST /files/ HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
            assert (await connection.answer()).status == 421


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:{port}", 200),
        ("HTTP://127.0.0.1:{port}", 200),
        ("http://127.0.0.1", 403),
        ("https://127.0.0.1:{port}", 403),
        ("http://localhost:{port}", 403),
        ("http://evil.example", 403),
        ("http://127.0.0.1:{port}.evil.example", 403),
        ("null", 403),
        ("", 403),
        ("http://127.0.0.1:{port}\nOrigin: http://evil.example", 403),
    ],
)
async def test_foreign_pages_reach_only_the_base_path_of_an_anonymous_server(
    origin: str, status: int
) -> None:
    async with tiny_server() as tiny:
        sent = origin.format(port=tiny.address.port)
        assert (await ask(tiny, f"GET /file/x HTTP/1.1\nOrigin: {sent}")).status == status
        assert (await ask(tiny, POST + f"Content-Length: 0\nOrigin: {sent}")).status == 201


@pytest.mark.parametrize("target", ["/api/v1/admin/config", "/api/v1/files", "/file/x", "/s/x"])
async def test_a_base_path_that_everything_is_below_lets_no_foreign_page_in(target: str) -> None:
    async with tiny_server(settings_with(server={"base_path": "/"})) as tiny:
        for verb in ("GET", "POST", "DELETE", "PATCH"):
            head = f"{verb} {target} HTTP/1.1\nOrigin: http://evil.example"
            assert (await ask(tiny, head)).status == 403
        assert (await ask(tiny, POST + "Content-Length: 0\nOrigin: http://evil.example")).status == 201


async def test_a_request_id_is_kept_if_it_is_harmless() -> None:
    async with tiny_server() as tiny:
        kept = await ask(tiny, POST + "Content-Length: 0\nX-Request-ID: abc-123.x_y")
        assert kept.headers["x-request-id"] == "abc-123.x_y"
        for bad in ("a b", "a" * 65, "<script>", "a\nX-Request-ID: b"):
            made = await ask(tiny, POST + f"Content-Length: 0\nX-Request-ID: {bad}")
            assert len(made.headers["x-request-id"]) == 16


async def _expecting(tiny: Tiny, target: str, version: str = "1.1") -> tuple[bytes, Connection]:
    connection = await Connection.open(tiny.address)
    head = f"POST {target} HTTP/{version}\nContent-Length: 3\nExpect: 100-Continue"
    await connection.send(tiny.raw(head))
    async with asyncio.timeout(5):
        return await connection._reader.readuntil(b"\r\n\r\n"), connection


async def test_continue_is_said_once_and_only_when_the_handler_wants_the_body() -> None:
    async with tiny_server() as tiny:
        first, connection = await _expecting(tiny, "/files/")
        async with connection:
            assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
            await connection.send(b"abc")
            head = await connection._reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 201 ")
        assert tiny.bodies == [b"abc"]


async def test_a_refusal_costs_no_body() -> None:
    async with tiny_server() as tiny:
        first, connection = await _expecting(tiny, "/files/refuse")
        async with connection:
            assert first.startswith(b"HTTP/1.1 413 ")
            assert b"\r\nConnection: close\r\n" in first


async def test_http_1_0_clients_are_not_told_to_continue() -> None:
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        head = "POST /files/ HTTP/1.0\nContent-Length: 3\nExpect: 100-continue"
        await connection.send(tiny.raw(head), b"abc")
        assert (await connection._reader.readuntil(b"\r\n")).startswith(b"HTTP/1.0 201 ")


async def test_a_body_that_is_already_here_needs_no_continue() -> None:
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        await connection.send(tiny.raw(POST + "Content-Length: 3\nExpect: 100-continue", b"abc"))
        assert (await connection._reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 201 ")


async def test_requests_are_logged_without_their_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with tiny_server() as tiny:
        await ask(tiny, "GET /nothing?sig=secret HTTP/1.1")
    (line,) = [record.__dict__["msg"] for record in caplog.records if events([record]) == ["request"]]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/nothing", 404)
    assert "secret" not in caplog.text


async def test_errors_are_counted_by_code_and_unknown_methods_share_a_label() -> None:
    async with tiny_server() as tiny:
        await ask(tiny, "GET /nothing HTTP/1.1")
        await ask(tiny, "PROPFIND /nothing HTTP/1.1")
        text = tiny.metrics.text().decode()
        assert 'tusd_errors_total{code="ERR_NOT_FOUND",status="404"} 2.0' in text
        assert 'tusd_requests_total{method="GET"} 1.0' in text
        assert 'tusd_requests_total{method="other"} 1.0' in text
