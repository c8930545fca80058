"""The facts table on both databases."""

import asyncio

import pytest

from tusd_py.errors import Refused
from tusd_py.metadata.database import Database
from tusd_py.metadata.facts import FactRows, claim_identity

from .databases import Another


async def test_a_fact_is_what_was_set_last(database: Database) -> None:
    facts = FactRows(database)
    assert await facts.get("colour") is None
    await facts.set("colour", "red")
    await facts.set("colour", "blue")
    assert await facts.get("colour") == "blue"


async def test_the_first_folder_keeps_the_database(database: Database) -> None:
    await claim_identity(database, "aaaa")
    await claim_identity(database, "aaaa")
    with pytest.raises(Refused, match=r"bbbb.*aaaa"):
        await claim_identity(database, "bbbb")


async def test_of_two_folders_that_claim_at_once_one_is_refused(database: Database, another: Another) -> None:
    outcomes = await asyncio.gather(
        claim_identity(database, "aaaa"), claim_identity(await another(), "bbbb"), return_exceptions=True
    )
    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 1
