"""Which keys are taken, and for what."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.access.issuer import private_key, private_pem, public_jwk, public_pem
from tusd_py.access.verify_keys import from_files, from_secret, from_set
from tusd_py.errors import Refused

RSA_FAMILY = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}


@pytest.mark.parametrize(
    ("algorithm", "wanted"),
    [("RS256", RSA_FAMILY), ("ES256", {"ES256"}), ("ES384", {"ES384"}), ("EdDSA", {"EdDSA"})],
)
def test_a_key_is_for_the_algorithms_of_its_kind(algorithm: str, wanted: set[str], tmp_path: Path) -> None:
    key = private_key(algorithm)
    (tmp_path / "key.pem").write_text(public_pem(key))
    (tmp_path / "key.json").write_text(json.dumps(public_jwk(key, "k")))
    (tmp_path / "set.json").write_text(json.dumps({"keys": [public_jwk(key, "k")]}))
    for name, kid in (("key.pem", ""), ("key.json", "k"), ("set.json", "k")):
        (found,) = from_files([str(tmp_path / name)])
        assert (found.kid, set(found.algorithms)) == (kid, wanted)


def test_a_key_that_names_its_algorithm_is_for_no_other() -> None:
    (found,) = from_set({"keys": [public_jwk(private_key("RS256"), alg="PS256")]})
    assert found.algorithms == {"PS256"}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"keys": [{"kty": "oct", "k": "AAAA"}]}, id="symmetric"),
        pytest.param({"keys": [public_jwk(private_key("ES256"), use="enc")]}, id="to encrypt"),
        pytest.param({"keys": [public_jwk(private_key("ES256"), alg="HS256")]}, id="public for HS256"),
        pytest.param({"keys": [public_jwk(private_key("ES256"), alg="ES384")]}, id="of another curve"),
        pytest.param({"keys": [public_jwk(private_key("ES256")) | {"key_ops": ["sign"]}]}, id="to sign"),
        pytest.param({"keys": [public_jwk(private_key("ES256")) | {"kid": 7}]}, id="with a number for an id"),
        pytest.param({"keys": [public_jwk(private_key("ES256")) | {"x": "AA"}]}, id="not on its curve"),
        pytest.param(
            {"keys": [public_jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024))]},
            id="too short",
        ),
        pytest.param(
            {"keys": [public_jwk(ec.generate_private_key(ec.SECP256K1()))]}, id="of a curve we have not"
        ),
        pytest.param({"keys": [{"kty": "RSA"}, 7, None, {}]}, id="in pieces"),
        pytest.param({"keys": {}}, id="no list"),
        pytest.param([], id="no object"),
        pytest.param("x", id="text"),
        pytest.param(None, id="nothing"),
    ],
)
def test_what_cannot_be_used_is_left_out(said: object) -> None:
    assert from_set(said) == []


def test_a_secret_is_for_the_digests_that_are_no_longer_than_it() -> None:
    assert from_secret("x" * 32).algorithms == {"HS256"}
    assert from_secret("x" * 64).algorithms == {"HS256", "HS384", "HS512"}
    with pytest.raises(ValueError, match="31 bytes"):
        from_secret("x" * 31)
    assert "xxx" not in repr(from_secret("x" * 32))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (private_pem(private_key("ES256")), "private key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "holds no key"),
        ('{"keys": []}', "no key that can be used"),
        ("{", "Expecting"),
        ("", "holds no key"),
    ],
)
def test_a_file_that_holds_no_public_key_is_refused_by_name(content: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(content)
    with pytest.raises(Refused, match=why) as refused:
        from_files([str(tmp_path / "key.pem")])
    assert "key.pem" in refused.value.message


def test_a_file_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(Refused, match=r"/nowhere/key\.pem"):
        from_files(["/nowhere/key.pem"])
