"""Who may read what, by verdict, release and policy."""

from dataclasses import replace

import pytest

from protocol.errors import NotScannedYet, Quarantined
from protocol.upload import Verdict
from tusd_py.access.identity import Identity, Scope
from tusd_py.access.may_read import WITHOUT_SCANNER, ReadPolicy, bound_identity, may_read, why_not
from tusd_py.metadata.files import Version

VERSION = Version(
    file_id="f",
    n=1,
    upload_id="u",
    tenant="",
    owner="ann",
    filename=None,
    ref="r",
    identity="i",
    length=1,
    sha256=None,
    declared_type=None,
    sniffed_type=None,
    verdict=Verdict.UNKNOWN,
    finding=None,
    released_by=None,
    engine=None,
    scanned_at=None,
    is_lost=False,
    created_at=0,
)
OWNER = Identity(tenant="", subject="ann", scopes=frozenset({Scope.READ}))
ADMIN = Identity(tenant="", subject="bob", scopes=frozenset(Scope))
DENY = ReadPolicy(served=frozenset({Verdict.CLEAN}))
TO_OWNER = replace(DENY, served_to_owner=frozenset({Verdict.UNSCANNABLE}))
ALLOW = ReadPolicy(served=frozenset({Verdict.CLEAN, Verdict.UNSCANNABLE}))


@pytest.mark.parametrize(
    ("policy", "served", "to_owner_only"),
    [
        (WITHOUT_SCANNER, {Verdict.UNKNOWN, Verdict.CLEAN}, set()),
        (DENY, {Verdict.CLEAN}, set()),
        (TO_OWNER, {Verdict.CLEAN}, {Verdict.UNSCANNABLE}),
        (ALLOW, {Verdict.CLEAN, Verdict.UNSCANNABLE}, set()),
    ],
)
def test_a_policy_serves_what_it_names(
    policy: ReadPolicy, served: set[Verdict], to_owner_only: set[Verdict]
) -> None:
    for verdict in Verdict:
        version = replace(VERSION, verdict=verdict)
        assert may_read(version, policy, ADMIN) is (verdict in served)
        assert may_read(version, policy, OWNER) is (verdict in served | to_owner_only)
        assert may_read(replace(version, released_by="bob"), policy, ADMIN)
        assert not may_read(replace(version, released_by="bob", is_lost=True), policy, ADMIN)


def test_a_refusal_says_whether_to_wait() -> None:
    assert isinstance(why_not(VERSION), NotScannedYet)
    for verdict in (Verdict.INFECTED, Verdict.UNSCANNABLE):
        assert isinstance(why_not(replace(VERSION, verdict=verdict)), Quarantined)


def test_bytes_are_bound_to_what_was_scanned_only_where_scanning_is_on() -> None:
    assert bound_identity(VERSION, WITHOUT_SCANNER) is None
    assert bound_identity(VERSION, DENY) == VERSION.identity
