"""A real OpenID provider, oidc-provider-mock, in a process of its own.

Three things that providers for pages do and this one leaves out are done here: clients without a secret; the
proof of RFC 7636 that a code is used by whoever asked for it; and the header that lets pages of other origins
ask for tokens. It asks for a name and believes it.

Belongs here: starting and stopping it. Not here: what is asked of it (tests/clients/browser/test_sign_in.py).
"""

import hashlib
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest

from tests.harness.ports import free_port
from tests.harness.server import ROOT, DidNotHappen

READY_WITHIN = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdProvider:
    """Where it is, and what it was asked."""

    port: int
    log: Path

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def issuer(self) -> str:
        return f"http://{self.host}"

    @property
    def asked(self) -> list[str]:
        """Lines of its access log about authorizations, the oldest first."""
        return [line for line in self.log.read_text().splitlines() if "/oauth2/authorize" in line]


@pytest.fixture(scope="session")
def openid_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIdProvider]:
    """One for all who only sign in."""
    provider = OpenIdProvider(port=free_port(), log=tmp_path_factory.mktemp("openid") / "log")
    with provider.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.openid", str(provider.port)],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        _until_ready(provider, process)
        yield provider
    finally:
        process.terminate()
        process.wait(10)


def _until_ready(provider: OpenIdProvider, process: subprocess.Popen[bytes]) -> None:
    began = time.monotonic()
    while time.monotonic() - began < READY_WITHIN and process.poll() is None:
        try:
            with urlopen(f"{provider.issuer}/.well-known/openid-configuration", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise DidNotHappen(f"the provider is not ready; log:\n{provider.log.read_text()}")


def _serve(port: int) -> None:
    import flask  # noqa: PLC0415 - only in the process that is the provider
    import oidc_provider_mock  # type: ignore[import-untyped]  # noqa: PLC0415 - no types
    from oidc_provider_mock import _app as parts  # noqa: PLC0415

    for grant in (parts.AuthorizationCodeGrant, parts.RefreshTokenGrant):
        grant.TOKEN_ENDPOINT_AUTH_METHODS = ["none"]
    app = oidc_provider_mock.app()
    challenges: dict[str, str] = {}

    def prove() -> tuple[str, int] | None:
        form = flask.request.form
        if flask.request.path != "/oauth2/token" or form.get("grant_type") != "authorization_code":
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proven = urlsafe_b64encode(digest).rstrip(b"=").decode()
        return None if challenges.get(form.get("code", "")) == proven else ("not proven", 400)

    def remember(response: flask.Response) -> flask.Response:
        query = parse_qs(urlsplit(response.headers.get("Location", "")).query)
        if "code" in query:
            challenges[query["code"][0]] = flask.request.args.get("code_challenge", "")
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    app.before_request(prove)
    app.after_request(remember)
    app.run(host="localhost", port=port, debug=False, use_reloader=False)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
