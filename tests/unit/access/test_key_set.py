"""When a provider's keys are fetched, with a clock that is moved by hand."""

import asyncio
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

from tusd_py.access.key_set import KeySet, KeysUnavailable, Patience
from tusd_py.access.refused import FetchFailed
from tusd_py.assemble.access import may_name

ISSUER = "https://issuer.example"
URL = f"{ISSUER}/keys"


def jwk(kid: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(generate_private_key(SECP256R1()).public_key()))
    return {**made, "kid": kid}


class World:
    """The provider and the time."""

    def __init__(self, *kids: str) -> None:
        self.now = 1000.0
        self.keys = [jwk(kid) for kid in kids]
        self.asked: list[str] = []
        self.fails = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.discovered: object = {"issuer": ISSUER, "jwks_uri": URL}

    async def get_json(self, url: str) -> object:
        self.asked.append(url)
        await self.answers.wait()
        if self.fails:
            raise FetchFailed("it is down")
        return {"keys": self.keys} if url == URL else self.discovered

    def key_set(self, url: str = URL) -> KeySet:
        return KeySet(
            issuer=ISSUER,
            url=url,
            get_json=self.get_json,
            patience=Patience(refresh=600, between=30, stale=3600),
            clock=lambda: self.now,
            is_allowed=lambda found: found.startswith("https://"),
        )


async def kids_of(keys: KeySet, kid: str) -> list[str]:
    return [key.kid for key in await keys.find(kid)]


@pytest.mark.parametrize(
    ("issuer", "url", "may"),
    [
        ("https://login.example", "https://keys.example/jwks", True),
        ("https://login.example", "http://keys.example/jwks", False),
        ("https://login.example", "http://127.0.0.1:8500/v1/kv", False),
        ("https://login.example", "http://localhost/", False),
        ("https://login.example", "file:///etc/passwd", False),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/keys", True),
        ("http://127.0.0.1:9000", "http://keys.example/jwks", False),
    ],
)
def test_an_issuer_elsewhere_sends_nobody_to_this_machine(issuer: str, url: str, may: bool) -> None:
    assert may_name(issuer)(url) is may


async def test_many_who_want_keys_at_once_cause_one_fetch() -> None:
    world = World("one")
    world.answers.clear()
    keys = world.key_set()
    waiting = [asyncio.create_task(kids_of(keys, "one")) for _ in range(50)]
    await asyncio.sleep(0)
    world.answers.set()
    assert await asyncio.gather(*waiting) == [["one"]] * 50
    assert world.asked == [URL]


async def test_a_known_key_never_waits_for_a_fetch() -> None:
    world = World("one")
    keys = world.key_set()
    await keys.find("one")
    world.now += 601
    world.answers.clear()  # the provider hangs from now on
    assert await asyncio.wait_for(kids_of(keys, "one"), 5) == ["one"]
    unknown = asyncio.create_task(kids_of(keys, "two"))
    await asyncio.sleep(0)
    assert await asyncio.wait_for(kids_of(keys, "one"), 5) == ["one"]
    world.keys.append(jwk("two"))
    world.answers.set()
    assert await unknown == ["two"]
    assert len(world.asked) == 2


async def test_inventions_cause_one_fetch_for_each_patience() -> None:
    world = World("one")
    keys = world.key_set()
    await keys.find("one")
    for second in range(90):
        world.now = 1030.0 + second
        assert await kids_of(keys, f"invented {second}") == []
    assert len(world.asked) == 1 + 3


async def test_old_keys_count_until_they_are_stale_and_then_nobody_is_judged() -> None:
    world = World("one")
    keys = world.key_set()
    await keys.find("one")
    world.fails = True
    for age in (700, 3599):
        world.now = 1000.0 + age
        assert await kids_of(keys, "one") == ["one"]
        await asyncio.sleep(0)
    with pytest.raises(KeysUnavailable):
        await keys.find("new, perhaps")
    world.now = 4600.0
    with pytest.raises(KeysUnavailable):
        await keys.find("one")
    world.fails = False
    world.now += 30
    assert await kids_of(keys, "one") == ["one"]
    await keys.close()


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://other.example", "jwks_uri": URL},
        {"issuer": ISSUER, "jwks_uri": "http://issuer.example/keys"},
        {"issuer": ISSUER, "jwks_uri": ["https://issuer.example/keys"]},
        {"issuer": ISSUER},
        [],
    ],
)
async def test_a_provider_that_says_something_else_is_not_believed(said: object) -> None:
    world = World("one")
    world.discovered = said
    with pytest.raises(KeysUnavailable):
        await world.key_set("").find("one")


async def test_a_set_without_a_usable_key_replaces_nothing() -> None:
    world = World("one")
    keys = world.key_set("")
    await keys.find("one")
    world.keys = [{"kty": "oct", "k": "AAAA", "kid": "one"}]
    world.now += 601
    await keys.find("one")
    await asyncio.sleep(0.01)
    assert await kids_of(keys, "one") == ["one"]
