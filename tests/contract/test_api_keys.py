"""Rows of API keys on both databases."""

from tusd_py.access.api_keys import MadeKey, make_key
from tusd_py.access.identity import Scope
from tusd_py.metadata.api_keys import ApiKeyRows
from tusd_py.metadata.database import Database, Query


def new(subject: str, life: float | None = None) -> MadeKey:
    scopes = frozenset({Scope.READ, Scope.UPLOAD})
    return make_key(tenant="acme", subject=subject, scopes=scopes, note="a note", life=life)


async def test_a_key_is_kept_without_its_secret_until_it_is_revoked(database: Database) -> None:
    rows, made = ApiKeyRows(database), new("ann", life=60)
    await rows.add(made.row, actor="operator x")
    kept = await rows.find(made.row.id)
    assert kept is not None
    assert (kept.tenant, kept.subject, kept.scopes, kept.note) == (
        "acme",
        "ann",
        ("read", "upload"),
        "a note",
    )
    # Postgres' clock runs on within the statement.
    assert kept.expires_at is not None
    assert 0 <= kept.expires_at - kept.created_at - 60_000_000 < 1_000_000
    assert (kept.used_at, kept.is_revoked) == (None, False)
    everything = await database.read(Query("SELECT * FROM api_keys"))
    secret = made.text.partition(f"{made.row.id}_")[2]  # which may hold a "_" itself
    assert len(secret) > 20
    assert secret not in str([dict(row) for row in everything])

    assert await rows.revoke(made.row.id, actor="operator x")
    assert not await rows.revoke(made.row.id, actor="operator x")
    kept = await rows.find(made.row.id)
    assert kept is not None
    assert kept.is_revoked
    events = await database.read(Query("SELECT kind, actor FROM events WHERE subject = :id", {"id": kept.id}))
    assert [(row["kind"], row["actor"]) for row in events] == [
        ("key.created", "operator x"),
        ("key.revoked", "operator x"),
    ]
    assert await rows.find("0" * 16) is None


async def test_use_is_noted_seldom(database: Database) -> None:
    rows, made = ApiKeyRows(database), new("ann")
    await rows.add(made.row, actor="x")
    await rows.note_use(made.row.id)
    first = await rows.find(made.row.id)
    await rows.note_use(made.row.id)
    again = await rows.find(made.row.id)
    assert first is not None
    assert again is not None
    assert first.used_at is not None
    assert again.used_at == first.used_at


async def test_all_of_them_are_found_page_by_page(database: Database) -> None:
    rows = ApiKeyRows(database)
    made = [new(f"user {n}").row for n in range(7)]
    for key in made:
        await rows.add(key, actor="x")
    found: list[str] = []
    after = (-1, "")
    while page := await rows.page(after, 3):
        found += [key.id for key in page]
        after = (page[-1].created_at, page[-1].id)
    assert sorted(found) == sorted(key.id for key in made)
