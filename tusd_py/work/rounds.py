"""Rounds: what is done again and again by the clock.

A round that fails is logged and tried again at its next time; it never stops the others.
Belongs here: the clockwork. Not here: what a round does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from storage_backends.base import StorageAway
from tusd_py.log import get_logger
from tusd_py.metadata.database import Buried, DatabaseError

log = get_logger("tusd_py.work")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Something done every so many seconds."""

    name: str
    every: float
    action: Callable[[], Awaitable[object]]
    """What it returns is for tests and logs of its own."""


async def walk(rounds: list[Round]) -> None:
    """Until cancelled. Raises Buried, which ends the worker."""
    async with asyncio.TaskGroup() as group:
        for one in rounds:
            group.create_task(_repeat(one), name=f"round:{one.name}")


async def _repeat(one: Round) -> None:
    while True:
        await asyncio.sleep(one.every)
        await once(one)


async def once(one: Round) -> None:
    """One turn."""
    try:
        await one.action()
    except Buried:
        raise
    except (DatabaseError, StorageAway) as failed:
        log.warning("round.postponed", round=one.name, error=str(failed))
    except Exception:
        log.exception("round.failed", round=one.name)
