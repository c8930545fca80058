"""Listening: ports, Unix sockets and what systemd hands over."""

import asyncio
import os
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tusd_py.config.settings import Server
from tusd_py.errors import Refused
from tusd_py.server.bounded_connection import BoundedConnection
from tusd_py.server.sockets import Listening, open_sockets

from .tiny import Connection, settings_with, tiny_server


def opened(environ: dict[str, str] | None = None, **server: object) -> Listening:
    return open_sockets(Server(**server), backlog=5, environ={} if environ is None else environ)  # type: ignore[arg-type]  # a table of settings


def test_a_free_port_is_found() -> None:
    listening = opened(port=0)
    assert listening.sockets[0].getsockname()[1] > 0
    listening.close()


def test_all_addresses_of_a_name_share_one_port() -> None:
    listening = opened(host="localhost", port=0)
    assert len({sock.getsockname()[1] for sock in listening.sockets}) == 1
    listening.close()


def test_a_used_port_is_refused_with_its_number() -> None:
    first = opened(port=0)
    port = first.sockets[0].getsockname()[1]
    with pytest.raises(Refused, match=f"port {port} on 127.0.0.1 is in use"):
        opened(port=port)
    first.close()


def test_an_unknown_host_is_refused() -> None:
    with pytest.raises(Refused):
        opened(host="256.256.256.256", port=0)


def test_a_stale_unix_socket_is_replaced_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    listening = opened(unix_sock=str(path))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["s"]
    listening.close()
    assert list(tmp_path.iterdir()) == []


def test_a_living_unix_socket_is_not_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "s"
    first = opened(unix_sock=str(path))
    with pytest.raises(Refused, match="another process listens"):
        opened(unix_sock=str(path))
    first.close()


def test_a_file_is_not_taken_for_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("precious")
    with pytest.raises(Refused, match="is not a socket"):
        opened(unix_sock=str(path))
    assert path.read_text() == "precious"


def test_a_socket_that_somebody_put_in_our_place_stays(tmp_path: Path) -> None:
    path = tmp_path / "s"
    first = opened(unix_sock=str(path))
    path.unlink()
    second = opened(unix_sock=str(path))
    first.close()
    assert path.exists()
    second.close()


def test_too_long_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        opened(unix_sock=str(tmp_path / ("x" * 120)))


def test_the_unix_sockets_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o117)
    try:
        listening = opened(unix_sock=str(tmp_path / "s"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o660
    listening.close()


INHERITING = """
import os, sys
from tusd_py.config.settings import Server
from tusd_py.server.sockets import open_sockets
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = os.environ["LISTEN_PID"] or str(os.getpid())
listening = open_sockets(Server(port=1), backlog=5, environ=os.environ)
ports = [sock.getsockname()[1] for sock in listening.sockets]
print(ports, [name for name in os.environ if name.startswith("LISTEN")])
listening.close()
"""


def run_with_descriptor_3(descriptor: int, listen_pid: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", INHERITING, str(descriptor)],
        pass_fds=[descriptor],
        env=os.environ | {"LISTEN_FDS": "1", "LISTEN_PID": listen_pid},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout + ran.stderr


def test_sockets_from_systemd_are_used_and_forgotten() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ready:
        port = ready.getsockname()[1]
        assert run_with_descriptor_3(ready.fileno(), "") == f"[{port}] []\n"


def test_a_connected_socket_from_systemd_is_refused() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert "does not listen" in run_with_descriptor_3(one.fileno(), "")


def test_sockets_for_another_process_are_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ready:
        said = run_with_descriptor_3(ready.fileno(), "1")
        assert said == "[1] []\n" or "port 1 on 127.0.0.1 may not be used" in said


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    names = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost"
    )
    subprocess.run([*command.split(), "-out", names[0], "-keyout", names[1]], check=True, capture_output=True)
    return names


async def test_https_is_spoken_with_a_certificate(certificate: tuple[str, str]) -> None:
    cert, key = certificate
    server = {"tls_certificate": cert, "tls_key": key, "tls_mode": "tls13"}
    async with tiny_server(settings_with(server=server)) as tiny:
        assert tiny.runner.names == [f"https://127.0.0.1:{tiny.address.port}"]
        context = ssl.create_default_context(cafile=cert)
        connecting = asyncio.open_connection(
            "127.0.0.1", tiny.address.port, ssl=context, server_hostname="localhost"
        )
        async with Connection(*await connecting) as connection:
            await connection.send(tiny.raw("POST /files/ HTTP/1.1\nContent-Length: 1", b"a"))
            answer = await connection.answer()
            assert answer.status == 201
            assert answer.headers["location"].startswith(f"https://127.0.0.1:{tiny.address.port}/files/")
            await connection.send(b"nonsense\r\n\r\n")
            assert (await connection.answer()).status == 400


async def test_a_tls_connection_whose_client_does_not_say_good_bye_is_closed_once(
    certificate: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of TLS waits for the client; meanwhile it must not count among those that are closed."""
    closed = list[int]()
    look = BoundedConnection.look

    def watched(connection: BoundedConnection, now: float) -> bool:
        is_closed = look(connection, now)
        closed.append(is_closed)
        return is_closed

    monkeypatch.setattr(BoundedConnection, "look", watched)
    cert, key = certificate
    settings = settings_with(
        server={"tls_certificate": cert, "tls_key": key}, timeouts={"header": 0.2, "keep_alive": 0.2}
    )
    async with tiny_server(settings) as tiny:
        context = ssl.create_default_context(cafile=cert)
        with socket.create_connection(("127.0.0.1", tiny.address.port)) as plain:
            silent = await asyncio.to_thread(context.wrap_socket, plain, server_hostname="localhost")
            async with asyncio.timeout(20):
                while not any(closed):
                    await asyncio.sleep(0.01)
                seen = len(closed)
                while len(closed) < seen + 5:
                    await asyncio.sleep(0.01)
            silent.close()
    assert sum(closed) == 1
