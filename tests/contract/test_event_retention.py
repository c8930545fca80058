"""Old events are forgotten, but not before they were delivered; a restored database delivers new ones."""

from tests.contract.test_event_log import committing
from tusd_py.metadata.database import Database, Query
from tusd_py.metadata.event_log import START, events_after, newest
from tusd_py.metadata.event_retention import BITE, EventRetention
from tusd_py.metadata.relays import DeliveryState, Failure, Message, Progress, RelayRows

HOUR = 3600 * 1_000_000


async def age(database: Database) -> None:
    """Everything there is happened two hours ago."""
    await database.execute(Query("UPDATE events SET created_at = created_at - :past", {"past": 2 * HOUR}))


async def test_old_events_go_and_new_ones_stay(database: Database) -> None:
    await database.transact(committing(*(f"{number}" for number in range(BITE + 10))))
    await age(database)
    await database.transact(committing("new"))
    assert await EventRetention(database).forget(HOUR) == BITE + 10
    assert [event.subject for event in await events_after(database)] == ["new"]
    assert await EventRetention(database).forget(HOUR) == 0


async def test_what_a_relay_has_not_passed_stays(database: Database) -> None:
    await database.transact(committing("a", "b", "c"))
    first = (await events_after(database, START, limit=1))[0]
    await RelayRows(database).create("r", first.cursor)
    await age(database)
    assert await EventRetention(database).forget(HOUR) == 1
    assert [event.subject for event in await events_after(database)] == ["b", "c"]
    # One that was switched off long ago holds nothing back.
    await database.execute(Query("UPDATE relays SET updated_at = updated_at - :past", {"past": 30 * HOUR}))
    assert await EventRetention(database).forget(HOUR) == 2


async def test_a_relay_goes_on_in_a_cluster_that_the_database_was_restored_into(database: Database) -> None:
    """As docs/deploy.md says: there transaction numbers begin anew, far below those in the dump."""
    if database.name == "sqlite":
        return  # it has no numbers of transactions
    await database.transact(committing("a", "b"))
    await RelayRows(database).create("r", await newest(database))
    await database.execute(Query("UPDATE events SET tx = CAST('9000000000000000' AS xid8)"))
    await database.execute(
        Query("UPDATE relays SET cursor = '9000000000000000.' || split_part(cursor, '.', 2)")
    )

    await database.execute(Query("UPDATE events SET tx = '0'"))
    await database.execute(Query("UPDATE relays SET cursor = '0.' || split_part(cursor, '.', 2)"))
    await database.transact(committing("new"))
    (relay,) = await RelayRows(database).standings()
    assert [event.subject for event in await events_after(database, relay.cursor)] == ["new"]


async def park(database: Database, relay: str, *subjects: str, is_dead: bool = False) -> None:
    """Deliveries that were not taken, or were given up."""
    rows = RelayRows(database)
    await rows.create(relay, START)
    await database.execute(
        Query(
            """
            INSERT INTO workers (id, host, boot_id, address, alive_until, created_at)
            VALUES ('w', 'h', 'b', '', 0, 0) ON CONFLICT (id) DO NOTHING
            """
        )
    )
    term = await rows.take(relay, "w", HOUR)
    assert term is not None
    refused = Failure(tries=1, refusals=1, pause=0, error="500", is_dead=is_dead)
    parked = [
        (Message(id=f"evt_{subject}", kind="upload.stored", subject=subject, tenant="", body="{}"), refused)
        for subject in subjects
    ]
    assert await rows.settle(term, Progress(cursor=START, parked=parked), HOUR)
    waiting = [one.id for one in await rows.page(limit=10, relay=relay)]
    assert await rows.settle(term, Progress(cursor=START, failed=[(one, refused) for one in waiting]), HOUR)
    await rows.release(term)


async def left(database: Database) -> dict[str, DeliveryState]:
    return {one.message.subject: one.state for one in await RelayRows(database).page(limit=10)}


async def test_what_was_given_up_is_forgotten_when_it_is_old(database: Database) -> None:
    await park(database, "r", "dead", is_dead=True)
    await park(database, "q", "waiting")
    relays = RelayRows(database)
    assert await relays.purge(HOUR) == 0
    await database.execute(Query("UPDATE deliveries SET updated_at = updated_at - :past", {"past": 2 * HOUR}))
    assert await relays.purge(HOUR) == 1
    assert await left(database) == {"waiting": DeliveryState.WAITING}


async def test_what_a_relay_had_not_delivered_is_forgotten_once_it_is_off_for_long(
    database: Database,
) -> None:
    await park(database, "off", "a", "b", "c")
    await park(database, "on", "d")
    for table in ("deliveries", "relays"):
        await database.execute(
            Query(f"UPDATE {table} SET updated_at = updated_at - :past", {"past": 2 * HOUR})
        )
    await database.execute(
        Query("UPDATE relays SET updated_at = updated_at + :past WHERE name = 'on'", {"past": 2 * HOUR})
    )
    relays = RelayRows(database)
    assert await relays.purge(HOUR) == 3
    assert await left(database) == {"d": DeliveryState.WAITING}
