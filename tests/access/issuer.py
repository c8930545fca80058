"""Somebody who signs tokens, and the HTTP server where its keys are.

Belongs here: keys, minting, the provider and its bad days. Not here: what our server makes of it (test_*.py).
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.harness.ports import free_port

ISSUER = "https://issuer.example"
AUDIENCE = "tusd-py"
LIFETIME = 6 * 3600
"""Seconds; longer than any run of the suite, as some tokens are made when their module is read."""
SECRET = "a secret of sixty-four bytes or more, so that every HMAC may use it, for tests"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@cache
def private_key(algorithm: str, which: int = 0) -> PrivateKey:
    """The same at every call; `which` tells several of a kind apart."""
    if algorithm.startswith(("RS", "PS")):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    curves: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}
    return ec.generate_private_key(curves[algorithm])


def private_pem(key: PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_jwk(key: PrivateKey, kid: str = "", **more: str) -> dict[str, Any]:
    makers = {
        rsa.RSAPrivateKey: RSAAlgorithm.to_jwk,
        ec.EllipticCurvePrivateKey: ECAlgorithm.to_jwk,
        ed25519.Ed25519PrivateKey: OKPAlgorithm.to_jwk,
    }
    make = next(maker for kind, maker in makers.items() if isinstance(key, kind))
    made: dict[str, Any] = json.loads(make(key.public_key()))  # type: ignore[operator]  # one for each kind
    return made | ({"kid": kid} if kid else {}) | more


def claims(**other: object) -> dict[str, Any]:
    """Good ones; `name=None` leaves one out."""
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + LIFETIME} | other
    return {name: value for name, value in said.items() if value is not None}


def token(algorithm: str = "HS256", kid: str = "", key: Any = None, **other: object) -> str:
    """Signed as its claims say."""
    signer = key or (SECRET if algorithm.startswith("HS") else private_key(algorithm))
    headers = {"kid": kid} if kid else None
    return jwt.encode(claims(**other), signer, algorithm, headers=headers)


def bearer(text: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {text}")


def jwt_settings(folder: Path) -> dict[str, str]:
    """A server that knows one key of each kind."""
    files = {}
    for algorithm in ("RS256", "ES256", "ES384", "EdDSA"):
        files[algorithm] = folder / f"{algorithm}.pem"
        files[algorithm].write_text(public_pem(private_key(algorithm)))
    return {
        "access.auth": "key,jwt",
        "access.jwt_issuer": ISSUER,
        "access.jwt_audience": AUDIENCE,
        "access.jwt_keys": ",".join(map(str, files.values())),
        "access.jwt_secret": SECRET,
        "access.jwt_tenant": "tenant",
    }


@dataclass
class Provider:
    """An OpenID provider. `fault` is how it behaves instead."""

    port: int = field(default_factory=free_port)
    keys: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""
    fetches: int = 0
    discoveries: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def discovery(self, _request: web.Request) -> web.StreamResponse:
        self.discoveries += 1
        if self.fault:
            return await self._broken()
        return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

    async def jwks(self, _request: web.Request) -> web.StreamResponse:
        self.fetches += 1
        if self.fault:
            return await self._broken()
        return web.json_response({"keys": self.keys})

    async def _broken(self) -> web.StreamResponse:
        match self.fault:
            case "slow":
                await asyncio.sleep(60)
            case "garbage":
                return web.Response(text="<html>" + "x" * 100)
            case "empty":
                return web.json_response({"keys": []})
            case "huge":
                return web.Response(body=b"[" * (1 << 20), content_type="application/json")
            case "redirect":
                raise web.HTTPFound(f"{self.url}/elsewhere")
        raise web.HTTPInternalServerError


@asynccontextmanager
async def providing(provider: Provider) -> AsyncIterator[Provider]:
    """It answers."""
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", provider.discovery)
    app.router.add_get("/keys", provider.jwks)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", provider.port).start()
    try:
        yield provider
    finally:
        await runner.cleanup()
