"""The rules: who may do what, without any request."""

from dataclasses import dataclass, replace

import pytest

from protocol.errors import Forbidden, Unauthorized, UploadNotFound
from tusd_py.access.authorize import RULES, Action, admit, authorize
from tusd_py.access.identity import LONGEST_NAME, Identity, Scope, is_name


@dataclass(frozen=True)
class Thing:
    """Something of somebody."""

    id: str = "u" * 32
    tenant: str = "acme"
    owner: str = "ann"


THING = Thing()
ANN = Identity(tenant="acme", subject="ann", scopes=frozenset({Scope.UPLOAD, Scope.READ}))
BOB = replace(ANN, subject="bob")
ADMIN = replace(BOB, scopes=frozenset(Scope))
NAMESAKE = replace(ANN, tenant="other")
OTHER_ADMIN = replace(ADMIN, tenant="other")
LATE = replace(ANN, has_expired=True)
OF_THIS = replace(ANN, scopes=frozenset({Scope.UPLOAD}), only_upload=THING.id, may_terminate=False)


def may(identity: Identity, action: Action) -> bool:
    try:
        authorize(identity, action, THING)
    except UploadNotFound:
        return False
    except Forbidden:
        # Said before anything is looked up, because it is about all tenants.
        assert RULES[action].of_all_tenants
        return False
    return True


def test_every_action_has_a_rule() -> None:
    assert set(RULES) == set(Action)


@pytest.mark.parametrize("action", Action)
def test_strangers_and_other_tenants_are_told_that_there_is_nothing(action: Action) -> None:
    if RULES[action].needs is Scope.ADMIN:
        return
    assert may(ANN, action)
    assert not may(BOB, action)
    assert not may(NAMESAKE, action)


@pytest.mark.parametrize("action", Action)
def test_the_admin_of_a_tenant_may_touch_what_is_in_it_and_nothing_else(action: Action) -> None:
    assert may(ADMIN, action) is (RULES[action].to_admin and not RULES[action].of_all_tenants)
    assert not may(OTHER_ADMIN, action)
    assert may(replace(OTHER_ADMIN, is_super=True), action) is RULES[action].to_admin


def test_nobody_makes_a_file_of_partials_that_are_not_theirs() -> None:
    assert not may(replace(ADMIN, is_super=True), Action.CONCATENATE)


@pytest.mark.parametrize("action", Action)
def test_without_the_scope_one_is_refused_before_anything_is_looked_up(action: Action) -> None:
    nothing = replace(BOB, scopes=frozenset())
    if RULES[action].needs is None:
        admit(nothing, action)
        return
    with pytest.raises(Forbidden, match=RULES[action].needs):
        admit(nothing, action)
    # Also for what is somebody else's: the answer depends on nothing that one could find out.
    with pytest.raises(Forbidden):
        authorize(nothing, action, THING)


@pytest.mark.parametrize("action", Action)
def test_what_has_expired_goes_on_with_its_own_uploads_and_does_nothing_else(action: Action) -> None:
    if action in (Action.OFFSET, Action.APPEND, Action.ASSEMBLE):
        assert may(LATE, action)
        assert not may(replace(LATE, subject="bob"), action)
        assert not may(replace(ADMIN, has_expired=True), action)
        return
    with pytest.raises(Unauthorized):
        authorize(LATE, action, THING)


@pytest.mark.parametrize("action", Action)
def test_a_token_for_one_upload_is_good_for_that_one(action: Action) -> None:
    if not RULES[action].of_token:
        with pytest.raises(Forbidden):
            authorize(OF_THIS, action, THING)
        return
    if action is Action.TERMINATE:
        with pytest.raises(Forbidden):
            authorize(OF_THIS, action, THING)
    with_more = replace(OF_THIS, may_terminate=True)
    assert may(with_more, action)
    assert not may(replace(with_more, only_upload="v" * 32), action)


@pytest.mark.parametrize("text", ["ann", "a/b", "ann@example.org", "Ännchen", "é" * 40, "x" * LONGEST_NAME])
def test_names_may_be_what_keys_and_rows_can_hold(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize(
    "text", ["", "x" * (LONGEST_NAME + 1), "a\nb", "a\x00b", "a\u202eb", "\ud800", "€" * 40]
)
def test_other_names_are_none(text: str) -> None:
    assert not is_name(text)
