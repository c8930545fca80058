"""Addresses, and who hears the caller's headers."""

import pytest
from yarl import URL

from tusd_py.client.errors import BadOptions, WrongAnswer
from tusd_py.client.origins import endpoint_of, proxy_for

SECRETS = {"Authorization": "Bearer secret"}


@pytest.mark.parametrize(
    ("endpoint", "location", "url"),
    [
        ("http://h/files/", "1", "http://h/files/1"),
        ("http://h/files/", "/x/1?a=b", "http://h/x/1?a=b"),
        ("http://h/files", "files/1", "http://h/files/1"),
        ("https://h/files/", "//h:8443/1", "https://h:8443/1"),
        ("http://h/files/", "https://h/1", "https://h/1"),
        ("http://h/files/", "http://me:pw@h/1#x", "http://h/1"),
        ("http://h/files/", "https://other/1", "https://other/1"),
    ],
)
def test_a_location_is_resolved(endpoint: str, location: str, url: str) -> None:
    assert str(endpoint_of(endpoint, {}).locate(location)) == url


@pytest.mark.parametrize("name", ["a..b", "x" * 64 + ".example"])
def test_a_location_whose_host_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(WrongAnswer, match="no place for an upload"):
        endpoint_of("http://h/files/", {}).locate(f"http://{name}/1")


@pytest.mark.parametrize("host", ["localhost", "h.example.", "[::1]:8080", "192.0.2.1", "\u00fc.example"])
def test_hosts_of_every_kind_are_hosts(host: str) -> None:
    assert endpoint_of(f"http://{host}/files/", {}).url.path == "/files/"


@pytest.mark.parametrize(
    ("named", "proxy"),
    [
        ("http://p:3128", "http://p:3128"),
        ("p.example:3128", "http://p.example:3128"),
        ("u:pw@p:3128", "http://u:pw@p:3128"),
        ("", None),
    ],
)
def test_a_proxy_without_a_scheme_speaks_http(
    named: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", named)
    assert proxy_for(URL("https://h/files/")) == proxy


def test_what_began_encrypted_stays_encrypted() -> None:
    with pytest.raises(WrongAnswer, match="in the clear"):
        endpoint_of("https://h/files/", {}).locate("http://h/files/1")


@pytest.mark.parametrize(
    ("endpoint", "url", "told"),
    [
        ("http://h/files/", "http://h/files/1", True),
        ("http://h/files/", "http://h:8080/files/1", True),
        ("http://h/files/", "https://h/files/1", True),
        ("http://H/files/", "http://h/files/1", True),
        ("http://h/files/", "http://h.example/files/1", False),
        ("https://h/files/", "https://sub.h/files/1", False),
        ("http://127.0.0.1/files/", "http://localhost/files/1", False),
    ],
)
def test_headers_are_for_one_host(endpoint: str, url: str, told: bool) -> None:
    known = endpoint_of(endpoint, SECRETS)
    assert known.headers_for(known.locate(url)) == (SECRETS if told else {})


@pytest.mark.parametrize(
    "url",
    ["", "x", "/files/", "ftp://h/", "http://", "http://[::1", "file:///etc/passwd", "http://a..b/files/"],
)
def test_what_is_no_address_of_a_web_server_is_refused(url: str) -> None:
    with pytest.raises(BadOptions, match="no URL of uploads"):
        endpoint_of(url, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [("", "x"), ("a b", "x"), ("a:", "x"), ("ü", "x"), ("X", "a\r\nb"), ("X", "\0"), ("X", "☀")],
)
def test_headers_that_cannot_be_sent_are_refused_without_showing_them(name: str, value: str) -> None:
    with pytest.raises(BadOptions) as caught:
        endpoint_of("http://h/", {name: value})
    assert value == "x" or value not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["Upload-Offset", "tus-resumable", "Content-Length", "Transfer-Encoding", "Connection", "Expect"]
)
def test_the_protocols_headers_are_not_the_callers(name: str) -> None:
    with pytest.raises(BadOptions, match="belongs to the protocol"):
        endpoint_of("http://h/", {name: "x"})


def test_a_password_is_sent_and_not_shown() -> None:
    known = endpoint_of("http://me:secret@h/files/", {})
    assert known.headers == {"Authorization": "Basic bWU6c2VjcmV0"}
    assert "secret" not in str(known.url)
