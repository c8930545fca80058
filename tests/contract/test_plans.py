"""Finals that wait for partials, and what becomes of either meanwhile."""

from collections.abc import Callable

import pytest

from protocol.upload import Kind, Step, Transfer, Upload
from tusd_py.metadata.database import Database, Query, Script
from tusd_py.metadata.plans import finals_in_vain, ready_finals
from tusd_py.metadata.upload_row import Author

from .test_usage import finish, make, new, rows_of


def _ready(partial: Upload, author: Author) -> Script[object]:
    return ready_finals(author, partial, "ann")


def _in_vain(partial: Upload, _author: Author) -> Script[object]:
    return finals_in_vain(partial, Transfer.EXPIRED)


@pytest.mark.parametrize("begun", [_ready, _in_vain])
async def test_a_final_that_ends_before_it_is_locked_is_left_alone(
    database: Database, begun: Callable[[Upload, Author], Script[object]]
) -> None:
    """Another node ended it between the look and the lock."""
    rows = await rows_of(database, None)
    partial = await finish(rows, await make(rows, 10, Kind.PARTIAL))
    missing = await make(rows, 10, Kind.PARTIAL)
    final = await rows.create_final(new(None, Kind.FINAL), [partial.id, missing.id], limit=0, actor="ann")
    await rows.end(final.id, Step.TERMINATE, actor="ann")

    def script() -> Script[tuple[list[str], object]]:
        asked = begun(partial, rows.author)
        next(asked)
        lock = asked.send([{"id": final.id, "state": "waiting"}])  # what the look found
        said: list[str] = []
        found = yield lock
        try:
            while True:
                query: Query = asked.send(found)
                said.append(query.sql)
                found = yield query
        except StopIteration as over:
            return said, over.value

    said, finals = await database.transact(script)
    assert said == []
    assert not finals
