"""What events say to whom."""

from typing import Any

import pytest

from tusd_py.access.identity import Identity, Scope
from tusd_py.metadata.event_log import Event
from tusd_py.server.live import as_told

OWNER = Identity(tenant="acme", subject="ann", scopes=frozenset({Scope.READ}))
ADMIN = Identity(tenant="acme", subject="root", scopes=frozenset({Scope.READ, Scope.ADMIN}))
INSIDE: dict[str, Any] = {
    "finding": "Eicar-Signature",
    "engine": "ClamAV 1.4",
    "error": "cannot open /srv/a",
    "holder": "w1",
}


@pytest.mark.parametrize(("identity", "hears"), [(OWNER, set()), (ADMIN, set(INSIDE))])
def test_what_a_scanner_found_is_told_to_admins_only(identity: Identity, hears: set[str]) -> None:
    event = Event(
        cursor="0.1",
        id=1,
        created_at=0,
        subject="0" * 32,
        kind="upload.scanned",
        actor="system",
        tenant="acme",
        owner="ann",
        file_id="1" * 32,
        data={"verdict": "infected", **INSIDE},
    )
    _, said = as_told(event, "a" * 32, identity)
    assert said["data"]["verdict"] == "infected"
    assert INSIDE.keys() & said["data"].keys() == hears
