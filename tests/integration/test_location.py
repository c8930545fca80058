"""Location and the client's address (threat S8): only trusted proxies are believed."""

import asyncio
from itertools import product
from pathlib import Path

import pytest

from tests.harness.wire import Connection
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.server.location import is_valid_host, trusted_networks

from .tiny import UPLOAD, Tiny, ask, settings_with, tiny_server

TRUSTING = {"trusted_proxies": ("127.0.0.0/8", "10.0.0.0/8")}


async def told(tiny: Tiny, headers: str) -> tuple[str, str]:
    answer = await ask(tiny, f"POST /files/ HTTP/1.1\nContent-Length: 0\n{headers}")
    assert answer.status == 201, headers
    return answer.headers["location"].removesuffix(f"/files/{UPLOAD}"), answer.headers["x-client"]


HOSTS = [
    "X-Forwarded-Host: evil.org",
    "X-Forwarded-Host: evil.org, a.org",
    "Forwarded: host=evil.org;proto=https",
    "X-Host: evil.org",
]
PROTOS = ["", "X-Forwarded-Proto: https", "X-Forwarded-Proto: javascript", "X-Forwarded-Scheme: https"]
CLIENTS = ["", "X-Forwarded-For: 6.6.6.6", 'Forwarded: for="[2001:db8::1]"', "X-Real-IP: 6.6.6.6"]


async def test_headers_of_strangers_change_nothing() -> None:
    mixes = ["\n".join(filter(None, mix)) for mix in product(HOSTS, PROTOS, CLIENTS)]
    assert len(mixes) >= 40
    for proxies in ((), ("10.0.0.0/8",), ("unix",)):
        async with tiny_server(settings_with(server={"trusted_proxies": proxies})) as tiny:
            for mix in mixes if not proxies else mixes[::7]:
                assert await told(tiny, mix) == (tiny.address.url, "127.0.0.1"), mix


@pytest.mark.parametrize(
    ("headers", "origin", "client"),
    [
        ("X-Forwarded-Host: files.org\nX-Forwarded-Proto: https", "https://files.org", "127.0.0.1"),
        ("X-Forwarded-Host: files.org:8443", "http://files.org:8443", "127.0.0.1"),
        ("X-Forwarded-Host: evil.org, files.org", "http://files.org", "127.0.0.1"),
        ("X-Forwarded-Host: evil.org\nX-Forwarded-Host: files.org", "http://files.org", "127.0.0.1"),
        ("X-Forwarded-Proto: http, HTTPS", "https://{host}", "127.0.0.1"),
        ("X-Forwarded-Proto: javascript", "http://{host}", "127.0.0.1"),
        ("X-Forwarded-Host: a b", "http://{host}", "127.0.0.1"),
        ("X-Forwarded-Host: evil.org/path", "http://{host}", "127.0.0.1"),
        ("X-Forwarded-Host: user@evil.org", "http://{host}", "127.0.0.1"),
        ("X-Forwarded-Host: [1:2]", "http://{host}", "127.0.0.1"),
        ('Forwarded: host="[1:2]"', "http://{host}", "127.0.0.1"),
        ("X-Forwarded-Host: [2001:db8::1]:80", "http://[2001:db8::1]:80", "127.0.0.1"),
        ("Forwarded: host=files.org;proto=https", "https://files.org", "127.0.0.1"),
        (
            'Forwarded: host=evil.org, Host="files.org:8443";Proto=https',
            "https://files.org:8443",
            "127.0.0.1",
        ),
        ("Forwarded: host=files.org;;", "http://{host}", "127.0.0.1"),
        ("Forwarded: host=a.org;host=b.org", "http://{host}", "127.0.0.1"),
        # A proxy that writes X-Forwarded-* passes a client's Forwarded on unread.
        ("X-Forwarded-Proto: https\nForwarded: host=evil.org;for=6.6.6.6", "https://{host}", "127.0.0.1"),
        ("X-Forwarded-For: 192.0.2.7", "http://{host}", "192.0.2.7"),
        ("X-Forwarded-For: 6.6.6.6, 192.0.2.7", "http://{host}", "192.0.2.7"),
        ("X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.1.2.3", "http://{host}", "192.0.2.7"),
        ("X-Forwarded-For: 192.0.2.7:4711", "http://{host}", "192.0.2.7"),
        ("X-Forwarded-For: nonsense", "http://{host}", "127.0.0.1"),
        ("X-Forwarded-For: 6.6.6.6, nonsense", "http://{host}", "127.0.0.1"),
        ('Forwarded: for="[2001:db8::7]:4711"', "http://{host}", "2001:db8::7"),
        ("Forwarded: for=6.6.6.6, for=192.0.2.7", "http://{host}", "192.0.2.7"),
        ("Forwarded: for=unknown", "http://{host}", "127.0.0.1"),
    ],
)
async def test_the_last_word_of_a_trusted_proxy_counts(headers: str, origin: str, client: str) -> None:
    async with tiny_server(settings_with(server=TRUSTING)) as tiny:
        expected = origin.format(host=f"127.0.0.1:{tiny.address.port}")
        assert await told(tiny, headers) == (expected, client)


async def test_a_public_url_beats_every_header() -> None:
    server = TRUSTING | {"public_url": "https://files.org/prefix/"}
    async with tiny_server(settings_with(server=server)) as tiny:
        assert (await told(tiny, "Host: evil.org\nX-Forwarded-Host: evil.org"))[
            0
        ] == "https://files.org/prefix"


async def test_without_a_host_the_address_that_was_reached_is_told() -> None:
    async with tiny_server() as tiny, await Connection.open(tiny.address) as connection:
        await connection.send(b"POST /files/ HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
        answer = await connection.answer()
        assert answer.headers["location"] == f"{tiny.address.url}/files/{UPLOAD}"


async def test_a_proxy_on_a_unix_socket_can_be_trusted(tmp_path: Path) -> None:
    for proxies, expected in (((), "http://a.org"), (("unix",), "https://files.org")):
        path = str(tmp_path / "s")
        settings: Settings = settings_with(server={"unix_sock": path, "trusted_proxies": proxies})
        async with tiny_server(settings):
            connection = Connection(*await asyncio.open_unix_connection(path))
            async with connection:
                await connection.send(
                    b"POST /files/ HTTP/1.1\r\nHost: a.org\r\nContent-Length: 0\r\n"
                    b"X-Forwarded-Host: files.org\r\nX-Forwarded-Proto: https\r\n\r\n"
                )
                answer = await connection.answer()
            assert answer.headers["location"] == f"{expected}/files/{UPLOAD}"
            assert answer.headers["x-client"] == ""


def test_networks_are_checked_at_start() -> None:
    with pytest.raises(Refused):
        trusted_networks(("10.0.0.1/8",))
    with pytest.raises(Refused):
        trusted_networks(("proxy.local",))


@pytest.mark.parametrize(
    "text", ["a", "a.b", "a-b.c:1", "127.0.0.1:80", "[::1]", "[::1]:80", "[::ffff:127.0.0.1]", "a_b.c", "a."]
)
def test_hosts(text: str) -> None:
    assert is_valid_host(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a/b",
        "a@b",
        "a:b",
        "a:",
        "a:123456",
        "-a",
        ".a",
        "[::1",
        "::1",
        "[1:2]",
        "[1:2]:80",
        "[:::]",
        "[::1::]",
        "[12345::]",
        "[127.0.0.1]",
        "[::127.0.0.256]",
        "a\n",
        "ä.de",
        "a?b",
        "a#b",
        "a\\b",
        "a" * 300,
    ],
)
def test_what_is_no_host(text: str) -> None:
    assert not is_valid_host(text)
