"""What is refused before anything is served."""

import subprocess
from pathlib import Path

import pytest

from tusd_py.config.settings import Server
from tusd_py.errors import Refused
from tusd_py.server.runner import refuse_python_parser
from tusd_py.server.tls import tls_context


def test_only_the_c_parser_serves() -> None:
    refuse_python_parser()
    with pytest.raises(Refused, match="http_parser"):
        refuse_python_parser("aiohttp.http_parser")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("tls")
    names = str(folder / "cert.pem"), str(folder / "key.pem")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    )
    subprocess.run([*command.split(), "-out", names[0], "-keyout", names[1]], check=True, capture_output=True)
    return names


def test_tls_is_off_without_files() -> None:
    assert tls_context(Server()) is None


def test_tls_loads(certificate: tuple[str, str]) -> None:
    for mode, oldest in (("tls12", "TLSv1_2"), ("tls13", "TLSv1_3")):
        context = tls_context(Server(tls_certificate=certificate[0], tls_key=certificate[1], tls_mode=mode))  # type: ignore[arg-type]  # one of the literals
        assert context is not None
        assert context.minimum_version.name == oldest


def test_half_or_broken_tls_is_refused(certificate: tuple[str, str], tmp_path: Path) -> None:
    cert, key = certificate
    locked = str(tmp_path / "locked.pem")
    subprocess.run(
        ["openssl", "ec", "-in", key, "-out", locked, "-aes128", "-passout", "pass:x"],
        check=True,
        capture_output=True,
    )
    (tmp_path / "empty.pem").write_text("")
    broken = [("", key), (cert, ""), (cert, cert), (cert, str(tmp_path / "none")), (cert, locked)]
    for one, other in [*broken, (str(tmp_path / "empty.pem"), key)]:
        with pytest.raises(Refused):
            tls_context(Server(tls_certificate=one, tls_key=other))
