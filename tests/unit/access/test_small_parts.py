"""API keys as text, passes, the memory, and what claims mean."""

from dataclasses import replace

import pytest

from tusd_py.access.api_keys import PREFIX, identity_of, make_key, split_key
from tusd_py.access.claims import Mapped, found_in, scopes_in
from tusd_py.access.claims import identity_of as identity_of_claims
from tusd_py.access.identity import Scope
from tusd_py.access.passes import Kind, Pass, sign, verified
from tusd_py.access.recall import Recall, digest_of
from tusd_py.access.refused import NotGood
from tusd_py.metadata.api_keys import ApiKey
from tusd_py.metadata.signing_keys import NewKey, SigningKey

SECOND = 1_000_000


def made(life: float | None = None) -> tuple[ApiKey, str]:
    key = make_key(tenant="acme", subject="ann", scopes=frozenset({Scope.READ}), life=life)
    split = split_key(key.text)
    assert split is not None
    row = ApiKey(
        id=key.row.id,
        tenant="acme",
        subject="ann",
        scopes=key.row.scopes,
        note="",
        digest=key.row.digest,
        created_at=0,
        expires_at=None if life is None else int(life * SECOND),
        used_at=None,
        revoked_at=None,
        now=0,
    )
    return row, split[1]


def test_a_key_proves_itself_and_hides_its_secret() -> None:
    row, secret = made()
    found = identity_of(row, secret, grace=0)
    assert found is not None
    assert (found.tenant, found.subject, set(found.scopes)) == ("acme", "ann", {Scope.READ})
    assert secret not in repr(row)
    assert identity_of(row, made()[1], grace=0) is None
    assert identity_of(replace(row, revoked_at=1), secret, grace=9e9) is None


def test_a_key_that_expired_is_one_for_the_grace_and_says_so() -> None:
    row, secret = made(life=10)
    before, after, late = (replace(row, now=at * SECOND) for at in (9, 10, 15))
    assert not identity_of(before, secret, grace=5).has_expired  # type: ignore[union-attr]
    assert identity_of(after, secret, grace=5).has_expired  # type: ignore[union-attr]
    assert identity_of(late, secret, grace=5) is None
    assert identity_of(after, secret, grace=0) is None


@pytest.mark.parametrize(
    "text", ["", PREFIX, "tpk_0123456789abcdef_short", "tpk_0123456789ABCDEF_" + "x" * 43]
)
def test_other_texts_are_no_keys(text: str) -> None:
    assert split_key(text) is None


KEY = SigningKey(id="k1", secret=b"s" * 32, created_at=0, retired_at=None)
PASS = Pass(
    kind=Kind.UPLOAD,
    tenant="acme",
    subject="änn",
    scopes=frozenset({Scope.UPLOAD}),
    expires_at=100,
    upload_id="u" * 32,
    may_terminate=True,
)


async def key_of(key_id: str) -> SigningKey | None:
    return KEY if key_id == KEY.id else None


async def nobody_asks(key_id: str) -> SigningKey | None:
    raise AssertionError(key_id)


async def test_a_pass_says_what_was_signed() -> None:
    for kind in Kind:
        passed = replace(PASS, kind=kind)
        assert await verified(sign(passed, KEY), key_of=key_of) == passed
    identity = PASS.identity()
    assert (identity.only_upload, identity.may_terminate, identity.expires_at) == ("u" * 32, True, 100.0)


async def test_a_pass_that_was_changed_anywhere_is_none() -> None:
    text = sign(PASS, KEY)
    for place, old in enumerate(text):
        for new in ("A" if old != "A" else "B", "_", ".", ""):
            if new != old:
                assert await verified(text[:place] + new + text[place + 1 :], key_of=key_of) is None


async def test_a_pass_of_one_kind_is_none_of_another_and_none_of_a_key_that_was_dropped() -> None:
    text = sign(PASS, KEY)
    assert await verified(text.replace(Kind.UPLOAD, Kind.TICKET), key_of=key_of) is None
    assert await verified(sign(PASS, replace(KEY, id="dropped")), key_of=key_of) is None
    assert await verified(sign(PASS, replace(KEY, secret=b"t" * 32)), key_of=key_of) is None
    assert await verified(text + "\n", key_of=key_of) is None
    assert await verified(text * 20, key_of=key_of) is None


async def test_a_database_is_never_asked_for_a_key_that_it_cannot_have() -> None:
    for key_id in ("\ud800", "\0"):
        assert await verified(sign(PASS, replace(KEY, id=key_id)), key_of=nobody_asks) is None
    assert "ssss" not in repr(NewKey(id="k", secret=b"s" * 32))


def test_what_was_found_out_is_forgotten_in_time_and_beyond_a_number() -> None:
    now = 0.0
    recall: Recall[int] = Recall(lambda: now, most=3)
    for number in range(4):
        recall.put(digest_of(str(number)), number, until=10)
    assert [recall.get(digest_of(str(number))) for number in range(4)] == [None, 1, 2, 3]
    recall.get(digest_of("1"))  # asked for last, so it stays
    recall.put(digest_of("5"), 5, until=10)
    assert recall.get(digest_of("2")) is None
    assert recall.get(digest_of("1")) == 1
    now = 10.0
    assert recall.get(digest_of("1")) is None


MAPPED = Mapped(
    subject="sub",
    tenant="https://example.org/tenant",
    scopes="realm_access.roles",
    prefix="tusd:",
    default_scopes=frozenset({Scope.UPLOAD}),
)
CLAIMS = {
    "sub": "ann",
    "https://example.org/tenant": "acme",
    "realm_access": {"roles": ["tusd:read", "admin", "tusd:other"]},
}


def test_claims_are_found_by_their_whole_name_or_down_a_path() -> None:
    found = identity_of_claims(CLAIMS, MAPPED, expires_at=5, has_expired=False)
    assert (found.tenant, found.subject, found.expires_at) == ("acme", "ann", 5)
    assert found.scopes == {Scope.READ}
    assert found_in(CLAIMS, "realm_access.roles.more") is None
    without = {name: value for name, value in CLAIMS.items() if name != "realm_access"}
    assert identity_of_claims(without, MAPPED, expires_at=5, has_expired=False).scopes == {Scope.UPLOAD}


@pytest.mark.parametrize(
    "other", [{"sub": ""}, {"sub": 7}, {"https://example.org/tenant": None}, {"realm_access": {"roles": [7]}}]
)
def test_claims_that_cannot_be_are_not_good(other: dict[str, object]) -> None:
    with pytest.raises(NotGood):
        identity_of_claims(CLAIMS | other, MAPPED, expires_at=5, has_expired=False)


def test_scopes_in_a_header_are_separated_by_spaces_or_commas() -> None:
    assert scopes_in(" read,upload , x", frozenset()) == {Scope.READ, Scope.UPLOAD}
    assert scopes_in("", frozenset({Scope.READ})) == {Scope.READ}
