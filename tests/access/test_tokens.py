"""Tokens that somebody else signed, against the real program: the good ones, and 45 others."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tests.harness.server import Server
from tests.harness.wire import Answer, request

from .asking import who_in
from .issuer import (
    AUDIENCE,
    ISSUER,
    SECRET,
    bearer,
    claims,
    private_key,
    public_jwk,
    public_pem,
    token,
)

EXPIRED = 40 * 3600
"""Seconds; beyond resume_grace."""


async def me(server: Server, *headers: tuple[str, str]) -> Answer:
    return await request(server.address, "GET", "/api/v1/me", headers)


@pytest.mark.parametrize(
    "algorithm", ["HS256", "HS384", "RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
)
async def test_a_token_by_any_of_our_keys_is_good(guarded: Server, algorithm: str) -> None:
    key = private_key("RS256") if algorithm[:2] in ("RS", "PS") else None
    said = await me(guarded, bearer(token(algorithm, key=key, tenant="acme", scope="read other")))
    assert said.status == 200, said.body
    assert who_in(said) == {"tenant": "acme", "user_id": "ann", "scopes": ["read"]}


def b64(raw: bytes | str) -> str:
    return urlsafe_b64encode(raw if isinstance(raw, bytes) else raw.encode()).rstrip(b"=").decode()


def hs(header: str | dict[str, Any], payload: str | dict[str, Any], secret: bytes | str = SECRET) -> str:
    """Signed with HMAC, whatever the header says, and however both are written."""
    parts = [b64(part if isinstance(part, str) else json.dumps(part)) for part in (header, payload)]
    text = ".".join(parts)
    raw = secret if isinstance(secret, bytes) else secret.encode()
    return f"{text}.{b64(hmac.digest(raw, text.encode(), 'sha256'))}"


HS = {"alg": "HS256", "typ": "JWT"}


def good(**other: object) -> dict[str, Any]:
    return claims(tenant="acme", **other)


def with_header(**more: object) -> str:
    return hs({**HS, **more}, good())


def none_of(spelling: str) -> str:
    return f"{b64(json.dumps({'alg': spelling}))}.{b64(json.dumps(good()))}."


def by_stranger(algorithm: str, **headers: object) -> str:
    return jwt.encode(good(), private_key(algorithm, which=1), algorithm, headers=headers or None)


def twice(name: str, first: object) -> str:
    said = json.dumps(good())
    return f'{{"{name}": {json.dumps(first)}, {said[1:]}'


def other_curve() -> str:
    """The header says ES256, the signature is of P-384."""
    text = f"{b64(json.dumps({'alg': 'ES256'}))}.{b64(json.dumps(good()))}"
    made = jwt.encode(good(), private_key("ES384"), "ES384")
    return f"{text}.{made.rpartition('.')[2]}"


def cut(text: str, count: int) -> str:
    return text[:-count]


FORGED: dict[str, Callable[[], str]] = {
    "alg none": lambda: none_of("none"),
    "alg None": lambda: none_of("None"),
    "alg nOnE": lambda: none_of("nOnE"),
    "alg none, with a signature": lambda: hs({"alg": "none"}, good()),
    "no alg": lambda: hs({"typ": "JWT"}, good()),
    "alg is a list": lambda: hs({"alg": ["HS256"]}, good()),
    "alg unknown": lambda: hs({"alg": "HS257"}, good()),
    "HMAC with the RSA key's PEM": lambda: hs(HS, good(), public_pem(private_key("RS256"))),
    "HMAC with the EC key's PEM": lambda: hs(HS, good(), public_pem(private_key("ES256"))),
    "HMAC with the RSA key's JWK": lambda: hs(HS, good(), json.dumps(public_jwk(private_key("RS256")))),
    "HMAC with nothing": lambda: hs(HS, good(), b""),
    "RSA of a stranger": lambda: by_stranger("RS256"),
    "EC of a stranger": lambda: by_stranger("ES256"),
    "Ed25519 of a stranger": lambda: by_stranger("EdDSA"),
    "another curve": other_curve,
    "ECDSA with r = s = 0": lambda: ".".join(
        (b64('{"alg":"ES256"}'), b64(json.dumps(good())), b64(b"\0" * 64))
    ),
    "ECDSA in DER": lambda: ".".join(
        (b64('{"alg":"ES256"}'), b64(json.dumps(good())), b64(bytes.fromhex("3006020100020100")))
    ),
    "an embedded jwk": lambda: by_stranger("RS256", jwk=public_jwk(private_key("RS256", which=1))),
    "an embedded jwk beside a good signature": lambda: with_header(jwk={"kty": "oct", "k": "AA"}),
    "jku": lambda: by_stranger("RS256", jku="https://evil.example/keys"),
    "x5u": lambda: with_header(x5u="https://evil.example/c.pem"),
    "x5c": lambda: with_header(x5c=["AA"]),
    "crit": lambda: with_header(crit=["exp"]),
    "b64 false": lambda: with_header(b64=False),
    "zip": lambda: with_header(zip="DEF"),
    "kid is a path": lambda: hs({**HS, "kid": "../../../../dev/null"}, good(), b""),
    "kid is SQL": lambda: hs({**HS, "kid": "x' UNION SELECT '' --"}, good(), b""),
    "kid is a number": lambda: with_header(kid=7),
    "kid is huge": lambda: with_header(kid="k" * 1000),
    "another issuer": lambda: hs(HS, good(iss="https://evil.example")),
    "an issuer that begins the same": lambda: hs(HS, good(iss=ISSUER + ".evil.example")),
    "issuers in a list": lambda: hs(HS, good(iss=[ISSUER])),
    "no issuer": lambda: hs(HS, good(iss=None)),
    "another audience": lambda: hs(HS, good(aud="other")),
    "no audience": lambda: hs(HS, good(aud=None)),
    "an audience that holds ours": lambda: hs(HS, good(aud=[f"x{AUDIENCE}"])),
    "no subject": lambda: hs(HS, good(sub=None)),
    "subject is a number": lambda: hs(HS, good(sub=7)),
    "subject is empty": lambda: hs(HS, good(sub="")),
    "subject with NUL": lambda: hs(HS, good(sub="ann\0")),
    "no exp": lambda: hs(HS, good(exp=None)),
    "exp is past": lambda: hs(HS, good(exp=int(time.time()) - EXPIRED)),
    "exp is a text": lambda: hs(HS, good(exp=str(int(time.time()) + 600))),
    "exp is 1e300": lambda: hs(HS, json.dumps(good(exp=7)).replace('"exp": 7', '"exp": 1e300')),
    "exp is NaN": lambda: hs(HS, json.dumps(good(exp=7)).replace('"exp": 7', '"exp": NaN')),
    "exp is true": lambda: hs(HS, good(exp=True)),
    "nbf is to come": lambda: hs(HS, good(nbf=int(time.time()) + 600)),
    "iat is to come": lambda: hs(HS, good(iat=int(time.time()) + 600)),
    "sub twice": lambda: hs(HS, twice("sub", "root")),
    "alg twice": lambda: hs('{"alg": "none", "alg": "HS256"}', good()),
    "a token in a token": lambda: hs({**HS, "cty": "JWT", "typ": "JWE"}, b64(json.dumps(good()))),
    "payload is a list": lambda: hs(HS, "[]"),
    "payload is deep": lambda: hs(HS, "[" * 2000 + "]" * 2000),
    "payload is no JSON": lambda: hs(HS, "x"),
    "9,000 characters": lambda: hs(HS, good(junk="x" * 9000)),
    "one character of the signature is missing": lambda: cut(hs(HS, good()), 1),
    "a changed payload": lambda: hs(HS, good()).replace(
        b64(json.dumps(good())), b64(json.dumps(good(sub="root")))
    ),
    "padded": lambda: hs(HS, good()) + "=",
    "five parts": lambda: hs(HS, good()) + ".AA.AA",
    "two parts": lambda: hs(HS, good()).rpartition(".")[0],
}


def seen(answer: Answer) -> tuple[int, bytes, str | None]:
    return answer.status, answer.body, answer.headers.get("www-authenticate")


async def test_every_forged_token_is_refused_and_all_of_them_alike(guarded: Server) -> None:
    assert len(FORGED) >= 45
    said = {name: seen(await me(guarded, bearer(make()))) for name, make in FORGED.items()}
    alike = seen(await me(guarded, bearer("nonsense")))
    assert alike[0] == 401
    assert alike[2] == 'Bearer realm="tusd-py", error="invalid_token"'
    assert {name: answer for name, answer in said.items() if answer != alike} == {}


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer {good}"), ("Authorization", "Bearer {good}")],
        [("Authorization", "Bearer {good}"), ("X-Api-Key", "{good}")],
        [("X-Api-Key", "{good}"), ("X-Api-Key", "{good}")],
        [("Authorization", "Bearer {good} {good}")],
        [("Authorization", "Bearer\t{good}")],
        [("Authorization", "Bearer {good},{good}")],
        [("Authorization", "Bearer")],
        [("X-Api-Key", "{good} ,")],
    ],
    ids=lambda headers: " ".join(f"{name}: {value}" for name, value in headers),
)
async def test_a_good_token_beside_another_one_is_none(
    guarded: Server, headers: list[tuple[str, str]]
) -> None:
    text = token(tenant="acme")
    said = await me(guarded, *((name, value.format(good=text)) for name, value in headers))
    assert seen(said) == seen(await me(guarded, bearer("nonsense")))


@pytest.mark.parametrize("where", ["access_token", "token", "ticket", "jwt", "key"])
async def test_the_query_proves_nothing(guarded: Server, where: str) -> None:
    said = await request(guarded.address, "GET", f"/api/v1/me?{where}={token(tenant='acme')}")
    assert said.status == 401
    assert said.headers["www-authenticate"] == 'Bearer realm="tusd-py"'


async def test_no_refusal_was_a_fault_of_ours(guarded: Server) -> None:
    assert "Traceback" not in guarded.log
    assert "request.failed" not in guarded.log
