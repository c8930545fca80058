"""How the doctor speaks HTTP, against a server that says nothing."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tusd_py.doctor.site import Site, Unreachable, site_of


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """One for localhost, that is believed here."""
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
        f"-addext subjectAltName=DNS:localhost -keyout {key} -out {cert}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", cert)
    return cert, key


@asynccontextmanager
async def silent(context: ssl.SSLContext | None, answer: bytes = b"") -> AsyncIterator[int]:
    """A server that reads, and says `answer` to a head; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            while await reader.read(1 << 16):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # cut, as it should be
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def tls_13(certificate: tuple[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(*certificate)
    return context


async def test_the_tickets_of_tls_are_no_answer(certificate: tuple[str, str]) -> None:
    async with silent(tls_13(certificate)) as port:
        url = f"https://localhost:{port}/files/"
        site = Site(url=url, headers={}, timeout=5.0)
        assert await site.send_and_cut(f"{url}1", announced=1 << 20, sent=1 << 16, wait=0.3) is None


async def test_an_answer_before_the_end_of_the_body_is_heard_over_tls(certificate: tuple[str, str]) -> None:
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    async with silent(tls_13(certificate), early) as port:
        url = f"https://localhost:{port}/files/"
        site = Site(url=url, headers={}, timeout=5.0)
        answer = await site.send_and_cut(f"{url}1", announced=1 << 20, sent=1 << 16, wait=5.0)
    assert answer is not None
    assert answer.status == 413


async def test_user_and_password_of_the_url_become_a_header_and_are_not_shown() -> None:
    answer = b"HTTP/1.1 204 So\r\n\r\n"
    async with silent(None, answer) as port:
        site = site_of(f"http://ann:p%40ss@localhost:{port}/files/", {"X-One": "1"})
        assert (await site.ask("OPTIONS", site.url, {})).status == 204
    assert site.url == f"http://localhost:{port}/files/"
    assert site.headers == {"Authorization": "Basic YW5uOnBAc3M=", "X-One": "1"}
    assert site_of("http://ann@h/", {"authorization": "Bearer x"}).headers == {"authorization": "Bearer x"}


@pytest.mark.parametrize("host", ["[::1]", "a..b", "x" * 64])
async def test_a_host_that_nobody_reaches_is_that(host: str) -> None:
    site = Site(url=f"http://{host}:1/files/", headers={}, timeout=5.0)
    with pytest.raises(Unreachable, match="OPTIONS http://"):
        await site.ask("OPTIONS", site.url, {})
    with pytest.raises(Unreachable, match="PATCH http://"):
        await site.send_and_cut(site.url, announced=1, sent=1, wait=0.1)
