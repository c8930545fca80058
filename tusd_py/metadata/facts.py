"""Facts: one row for each thing that is true of the whole installation.

Belongs here: reading and writing them, and the two that keep strangers away: the identity that the database
shares with its data folder, and the host that a SQLite file belongs to. Not here: what is in the data folder.
"""

from tusd_py.errors import Refused

from .database import Database, Query, Script, Work
from .host import Host

IDENTITY = "identity"
HOST = "host"

HEARTBEAT = 10_000_000
"""Microseconds after which a host says again that it is there."""
PRESUMED_GONE = 30_000_000
"""Microseconds of silence after which another host may take a SQLite file over."""

_SELECT = "SELECT value, {now} - updated_at AS age FROM facts WHERE name = :name"
_UPSERT = """
    INSERT INTO facts (name, value, updated_at)
    VALUES (:name, :value, {now})
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
"""
_INSERT_ONCE = """
    INSERT INTO facts (name, value, updated_at)
    VALUES (:name, :value, {now})
    ON CONFLICT (name) DO NOTHING
"""


class FactRows:
    """The facts by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str) -> str | None:
        rows = await self._database.read(Query(_SELECT, {"name": name}))
        return rows[0]["value"] if rows else None

    async def set(self, name: str, value: str) -> None:
        await self._database.execute(Query(_UPSERT, {"name": name, "value": value}))


async def identity_of(database: Database, proposed: str) -> str:
    """What the database says about whose it is; `proposed` if nothing did before, and then for ever."""

    def script() -> Script[str]:
        yield Query(_INSERT_ONCE, {"name": IDENTITY, "value": proposed})
        rows = yield Query(_SELECT, {"name": IDENTITY})
        return str(rows[0]["value"])

    return await database.transact(script)


async def claim_identity(database: Database, identity: str) -> None:
    """Bind the database to the data folder that carries `identity`; the first claim counts, for ever.

    Idempotent. Raises Refused when the database belongs to another folder.
    """
    owner = await identity_of(database, identity)
    if owner != identity:
        raise Refused(
            f"the data folder has the identity {identity}, but the database belongs to the one with {owner}",
            hint="check storage.upload_dir and database.url: is that the right disk, the right database?",
        )


def claim_host(host: Host) -> Work[None]:
    """Say that `host` uses this file, unless another one does; repeated every `HEARTBEAT`.

    The script raises Refused when another host was here less than `PRESUMED_GONE` ago.
    """

    def script() -> Script[None]:
        rows = yield Query(_SELECT, {"name": HOST})
        if rows and abs(rows[0]["age"]) < PRESUMED_GONE:
            _refuse_another(Host.parse(rows[0]["value"]), host)
            # Another worker of this host has just said it.
            if rows[0]["value"] == str(host) and 0 <= rows[0]["age"] < HEARTBEAT // 2:
                return
        yield Query(_UPSERT, {"name": HOST, "value": str(host)})

    return script


def _refuse_another(found: Host, host: Host) -> None:
    if found.is_same(host):
        return
    raise Refused(
        f"this SQLite database is in use by another host ({found}; this one is {host})",
        hint="several hosts need Postgres; if the other one is gone, try again in "
        f"{PRESUMED_GONE // 1_000_000} seconds",
    )
