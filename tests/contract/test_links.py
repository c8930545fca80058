"""Share links and signing keys, on both databases."""

import asyncio
import secrets
from dataclasses import replace

import pytest

from protocol.errors import TooManyLinks
from protocol.upload import Verdict
from tusd_py.metadata.database import Database, Query
from tusd_py.metadata.files import remove_version
from tusd_py.metadata.links import Link, LinkRows, LinkState, NewLink, Use, hash_of
from tusd_py.metadata.scans import Outcome
from tusd_py.metadata.signing_keys import NewKey, SigningKeyRows

from .databases import Another
from .test_scans import claim, finding, scans_of, stored, version_of

MINUTE = 60_000_000


def new_link(file_id: str, *, max_uses: int | None = None, lifetime: int = MINUTE) -> NewLink:
    return NewLink(
        id=secrets.token_hex(16),
        token=secrets.token_urlsafe(32),
        file_id=file_id,
        version=None,
        created_by="ann",
        lifetime=lifetime,
        max_uses=max_uses,
    )


async def linked(database: Database, *, max_uses: int | None = None, lifetime: int = MINUTE) -> Use:
    """A use of a link to a file of ann's, to be counted."""
    upload = await stored(database)
    new = new_link(upload.file_id, max_uses=max_uses, lifetime=lifetime)
    link = await LinkRows(database).create(new, most=10)
    assert link is not None
    return Use(link=link, version=await version_of(database, upload), actor="link", client="192.0.2.1")


async def again(database: Database, link: Link) -> Link:
    found = await LinkRows(database).find(link.id)
    assert found is not None
    return found


async def test_a_link_is_found_by_its_token_of_which_only_a_hash_is_kept(database: Database) -> None:
    upload = await stored(database)
    links, new = LinkRows(database), new_link(upload.file_id, max_uses=3)
    made = await links.create(new, most=10)
    assert made is not None
    found = await links.by_token(new.token)
    assert found is not None
    assert (found.id, found.tenant, found.owner, found.max_uses, found.uses) == (new.id, "", "ann", 3, 0)
    assert found.state is LinkState.ACTIVE
    assert found.expires_at - found.created_at >= MINUTE
    assert await links.by_token(new.token[:-1]) is None
    assert await links.by_token(hash_of(new.token)) is None
    (row,) = await database.read(Query("SELECT * FROM links"))
    assert new.token not in str(dict(row))
    events = await database.read(Query("SELECT data FROM events WHERE kind = 'link.created'"))
    assert len(events) == 1
    assert new.token not in events[0]["data"]


async def test_there_is_no_link_to_a_file_that_is_not_there(database: Database) -> None:
    assert await LinkRows(database).create(new_link(secrets.token_hex(16)), most=10) is None


async def test_a_file_has_so_many_active_links_and_no_more(database: Database, another: Another) -> None:
    upload = await stored(database)
    nodes = [LinkRows(database), LinkRows(await another())]
    made = await asyncio.gather(
        *(nodes[turn % 2].create(new_link(upload.file_id), most=3) for turn in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Link) for one in made) == 3
    assert sum(isinstance(one, TooManyLinks) for one in made) == 5
    link = next(one for one in made if isinstance(one, Link))
    assert await nodes[0].revoke(link, actor="ann")
    assert await nodes[0].create(new_link(upload.file_id), most=3)


async def test_the_last_use_is_given_out_once_however_many_nodes_race(
    database: Database, another: Another
) -> None:
    use = await linked(database, max_uses=5)
    nodes = [LinkRows(database), LinkRows(await another()), LinkRows(await another())]
    counted = await asyncio.gather(*(nodes[turn % 3].count(use) for turn in range(30)))
    assert sum(counted) == 5
    now = await again(database, use.link)
    assert (now.uses, now.state) == (5, LinkState.USED_UP)
    events = await database.read(Query("SELECT actor, data FROM events WHERE kind = 'link.used'"))
    assert len(events) == 5
    assert '"client": "192.0.2.1"' in events[0]["data"]


async def test_a_revoked_link_counts_no_more(database: Database) -> None:
    use = await linked(database)
    links = LinkRows(database)
    assert await links.count(use)
    assert await links.revoke(use.link, actor="ann")
    assert not await links.revoke(use.link, actor="ann")
    assert not await links.count(use)
    assert (await again(database, use.link)).state is LinkState.REVOKED


async def test_an_expired_link_counts_no_more(database: Database) -> None:
    use = await linked(database, lifetime=0)
    assert not await LinkRows(database).count(use)
    assert (await again(database, use.link)).state is LinkState.EXPIRED


async def test_a_link_to_what_was_deleted_or_lost_is_not_called_active(database: Database) -> None:
    deleted, lost = await linked(database, max_uses=1), await linked(database)
    await database.transact(lambda: remove_version(deleted.version.upload_id))
    await database.execute(
        Query("UPDATE versions SET lost = 1 WHERE upload_id = :id", {"id": lost.version.upload_id})
    )
    links = LinkRows(database)
    for use in (deleted, lost):
        assert (await again(database, use.link)).state is LinkState.GONE
        assert not await links.count(use)
    assert [link.state for link in await links.page((-1, ""), 10)] == [LinkState.GONE] * 2
    assert await links.revoke(deleted.link, actor="ann")
    assert (await again(database, deleted.link)).state is LinkState.REVOKED


async def test_a_link_to_one_version_is_gone_with_it(database: Database) -> None:
    upload = await stored(database)
    link = await LinkRows(database).create(replace(new_link(upload.file_id), version=1), most=10)
    assert link is not None
    await database.execute(Query("UPDATE versions SET n = 2"))
    await database.execute(Query("UPDATE files SET version = 2"))
    assert (await again(database, link)).state is LinkState.GONE


async def test_a_use_does_not_count_once_the_verdict_is_another_one(database: Database) -> None:
    use = await linked(database)
    scans = await scans_of(database)
    await scans.settle(
        await claim(database), use.version, finding(Verdict.INFECTED, "Virus"), Outcome.QUARANTINE
    )
    links = LinkRows(database)
    assert not await links.count(use)
    found = replace(use.version, verdict=Verdict.INFECTED, finding="Virus", identity="second")
    closed = replace(use, version=found)
    assert await links.count(closed)
    await scans.release(closed.version, actor="operator")
    assert not await links.count(closed)
    assert await links.count(replace(closed, version=replace(closed.version, released_by="operator")))


async def test_a_link_that_opens_is_listed_however_many_were_closed_since(database: Database) -> None:
    links, upload = LinkRows(database), await stored(database)
    new = [new_link(upload.file_id) for _ in range(4)]
    for one in new:
        link = await links.create(one, most=10)
        assert link is not None
        if one in new[1:3]:
            await links.revoke(link, actor="ann")
    listed = await links.of_file(upload.file_id, limit=3)
    assert [link.id for link in listed] == [new[3].id, new[0].id, new[2].id]


async def test_closed_links_are_forgotten_and_those_of_files_that_are_gone(database: Database) -> None:
    links = LinkRows(database)
    active, expired, revoked, orphan = [
        await linked(database, lifetime=lifetime) for lifetime in (MINUTE, 0, MINUTE, MINUTE)
    ]
    await links.revoke(revoked.link, actor="ann")
    await database.execute(Query("DELETE FROM files WHERE file_id = :id", {"id": orphan.link.file_id}))
    assert await links.purge(age=MINUTE, at_once=1) == 1
    assert await links.purge(age=0, at_once=10) == 2
    left = await links.page((0, ""), 10)
    assert [link.id for link in left] == [active.link.id]
    assert expired.link.id not in {link.id for link in left}


# --- keys


def new_key() -> NewKey:
    return NewKey(id=secrets.token_hex(4), secret=secrets.token_bytes(32))


async def test_the_first_key_is_made_once_whoever_asks(database: Database, another: Another) -> None:
    nodes = [SigningKeyRows(database), SigningKeyRows(await another())]
    keys = await asyncio.gather(*(nodes[turn % 2].newest(new_key()) for turn in range(6)))
    assert len({key.id for key in keys}) == 1
    assert len(await nodes[0].all()) == 1
    assert keys[0].secret.hex() not in repr(keys[0])


async def test_an_older_key_counts_until_it_is_dropped(database: Database) -> None:
    rows = SigningKeyRows(database)
    first = await rows.newest(new_key())
    second = await rows.rotate(new_key(), actor="operator", at_once=False)
    assert (await rows.newest(new_key())).id == second.id
    old = await rows.find(first.id)
    assert old is not None
    assert old.retired_at is not None
    assert old.secret == first.secret
    assert await rows.forget(MINUTE) == 0
    await rows.rotate(new_key(), actor="operator", at_once=True)
    assert [await rows.find(key.id) for key in (first, second)] == [None, None]
    events = await database.read(Query("SELECT data FROM events WHERE kind = 'keys.rotated'"))
    assert len(events) == 2
    assert first.secret.hex() not in str([dict(event) for event in events])


async def test_a_retired_key_is_forgotten_when_nothing_it_signed_counts_any_more(database: Database) -> None:
    rows = SigningKeyRows(database)
    first = await rows.newest(new_key())
    await rows.rotate(new_key(), actor="operator", at_once=False)
    assert await rows.forget(0) == 1
    assert await rows.find(first.id) is None


@pytest.mark.parametrize("bad", ["", "nonsense"])
async def test_an_unknown_key_is_none(database: Database, bad: str) -> None:
    assert await SigningKeyRows(database).find(bad) is None
