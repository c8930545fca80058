"""Which way judges a credential, and how long it is believed, with a clock that is moved by hand."""

from collections.abc import Mapping

import pytest

from protocol.errors import Unavailable
from tests.access.issuer import AUDIENCE, ISSUER, SECRET, claims, token
from tusd_py.access.authenticate import Authenticator, Shown
from tusd_py.access.identity import Identity, Scope
from tusd_py.access.json_web_tokens import Expected, prove, read_header
from tusd_py.access.refused import NotGood, Reason
from tusd_py.access.verify_keys import from_secret
from tusd_py.metadata.signing_keys import SigningKey

ANN = Identity(tenant="hq", subject="ann", scopes=frozenset({Scope.READ, Scope.ADMIN}))


class World:
    """The endpoint that is asked, and the time."""

    def __init__(self, *, cache: float = 5.0) -> None:
        self.now = 1000.0
        self.asked: list[Mapping[str, str]] = []
        self.says: Identity | Exception = ANN
        self.authenticator = Authenticator(
            keys=None,
            tokens=None,
            forward=self.forward,
            pass_key_of=self.key_of,
            super_admins=frozenset({("hq", "ann"), ("hq", "bob")}),
            grace=60.0,
            cache=cache,
            clock=lambda: self.now,
        )

    async def forward(self, headers: Mapping[str, str]) -> Identity:
        self.asked.append(headers)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def key_of(self, _key_id: str) -> SigningKey | None:
        return None

    async def ask(self, cookie: str = "a") -> Identity:
        return await self.authenticator.identity_of(Shown(forwarded={"Cookie": cookie}))


async def test_an_answer_is_believed_for_a_while_be_it_yes_or_no() -> None:
    world = World()
    for _ in range(3):
        assert (await world.ask()).subject == "ann"
    world.says = NotGood(Reason.DENIED)
    assert (await world.ask()).subject == "ann"
    world.now += 5.0
    for _ in range(3):
        with pytest.raises(NotGood):
            await world.ask()
    assert len(world.asked) == 2


async def test_what_could_not_be_found_out_is_asked_again() -> None:
    world = World()
    world.says = Unavailable()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await world.ask()
    world.says = ANN
    assert (await world.ask()).subject == "ann"


async def test_without_a_memory_everything_is_asked() -> None:
    world = World(cache=0.0)
    await world.ask()
    await world.ask()
    assert len(world.asked) == 2


async def test_visitors_are_not_taken_for_each_other() -> None:
    world = World()
    await world.ask("a")
    await world.ask("b")
    assert len(world.asked) == 2


async def test_only_those_who_are_listed_and_have_the_scope_are_admins_of_all_tenants() -> None:
    world = World(cache=0.0)
    assert (await world.ask()).is_super
    others = (("hq", "eve", Scope.ADMIN), ("", "ann", Scope.ADMIN), ("hq", "bob", Scope.READ))
    for tenant, subject, scope in others:
        world.says = Identity(tenant=tenant, subject=subject, scopes=frozenset({scope}))
        assert not (await world.ask()).is_super


async def test_what_nobody_configured_is_judged_by_nobody() -> None:
    world = World()
    for text in ("tpk_0123456789abcdef_" + "x" * 43, "eyJ.x.x", "tup_x.y", "opaque"):
        with pytest.raises(NotGood):
            await world.authenticator.identity_of(Shown(credential=text))
    with pytest.raises(NotGood, match="missing"):
        await world.authenticator.identity_of(Shown())
    assert world.asked == []


@pytest.mark.parametrize(
    ("grace", "age", "is_good"), [(0, 29, True), (0, 30, False), (60, 89, True), (60, 90, False)]
)
def test_a_token_counts_until_leeway_and_grace_have_passed(
    grace: float, age: float, *, is_good: bool
) -> None:
    expected = Expected(issuer=ISSUER, audience=frozenset({AUDIENCE}), leeway=30, grace=grace)
    signed = read_header(token(exp=claims()["exp"]))
    now = claims()["exp"] + age
    if not is_good:
        with pytest.raises(NotGood, match="expired"):
            prove(signed, [from_secret(SECRET)], expected, now=now)
        return
    assert prove(signed, [from_secret(SECRET)], expected, now=now).has_expired == (age >= 30)


@pytest.mark.parametrize("name", ["anonymous", "system"])
async def test_nobody_is_whoever_has_no_name_and_nobody_is_the_service_itself(name: str) -> None:
    """Or a provider where people choose their names would give away what anonymous visitors once sent."""
    world = World()
    world.says = Identity(tenant="", subject=name, scopes=frozenset(Scope))
    with pytest.raises(NotGood):
        await world.ask("b")
    world.says = Identity(tenant="hq", subject=name, scopes=frozenset(Scope))
    assert (await world.ask("c")).subject == name
