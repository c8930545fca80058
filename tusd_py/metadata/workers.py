"""The workers table: who is alive, and who was given up.

A worker that is given up is buried for ever. Whoever takes over what it held buries it first, and every
commit asks that its own worker is not buried: so one that was only frozen cannot commit when it wakes.

Belongs here: the rows. Not here: deciding who is dead (leases.py, the supervisor).
"""

from dataclasses import dataclass

from .database import Buried, Database, Query, Row, Script

_REGISTER = """
    INSERT INTO workers (id, host, node, boot_id, address, alive_until, buried, created_at)
    VALUES (:id, :host, :node, :boot_id, :address, {now} + CAST(:ttl AS BIGINT), 0, {now})
"""
_RENEW = """
    UPDATE workers
    SET alive_until = {now} + CAST(:ttl AS BIGINT)
    WHERE id = :id AND buried = 0
    RETURNING id
"""
_SELECT = "SELECT *, CASE WHEN alive_until > {now} THEN 1 ELSE 0 END AS is_alive FROM workers"
_FIND = _SELECT + " WHERE id = :id"
_ALIVE = _SELECT + " WHERE buried = 0 AND alive_until > {now} ORDER BY created_at, id"
_UNBURIED = _SELECT + " WHERE buried = 0 ORDER BY created_at, id"
_LOCK = "SELECT id FROM workers WHERE id = :id AND buried = 0 {for_update}"
_BURY = "UPDATE workers SET buried = 1 WHERE id = :id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A process that serves, or served."""

    id: str
    host: str
    node: str
    """The name of its machine, for people; "" where nobody said it."""
    boot_id: str
    address: str
    """Where its wake-ups go."""
    alive_until: int
    """Microseconds since the epoch, by the database's clock."""
    is_alive: bool
    """Renewed in time, by the database's clock when this was read."""
    is_buried: bool


class WorkerRows:
    """Workers by id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # "id" is the column; the ids of workers are lower-case hex, because names of files carry them.
    async def register(
        self,
        id: str,  # noqa: A002
        host: str,
        boot_id: str,
        address: str,
        ttl: int,
        *,
        node: str = "",
    ) -> None:
        """Say that a worker is here; it is presumed dead when it has not renewed for `ttl` microseconds.

        Raises Conflict when the id was used before.
        """
        params = {"id": id, "host": host, "node": node, "boot_id": boot_id, "address": address, "ttl": ttl}
        await self._database.execute(Query(_REGISTER, params))

    async def renew(self, id: str, ttl: int) -> None:  # noqa: A002 - as above
        """Stay alive for `ttl` microseconds from now. Raises Buried."""
        if not await self._database.execute(Query(_RENEW, {"id": id, "ttl": ttl})):
            raise Buried(f"worker {id} was given up by the others, or never registered")

    async def bury(self, id: str) -> bool:  # noqa: A002 - as above
        """Give a worker up for ever; when this returns none of its commits is under way any more.

        True if it was this call that did it.
        """

        def script() -> Script[bool]:
            rows = yield Query(_LOCK, {"id": id})
            if not rows:
                return False
            yield Query(_BURY, {"id": id})
            return True

        return await self._database.transact(script)

    async def find(self, id: str) -> Worker | None:  # noqa: A002 - as above
        rows = await self._database.read(Query(_FIND, {"id": id}))
        return _to_worker(rows[0]) if rows else None

    async def alive(self) -> list[Worker]:
        """Those that renewed in time, oldest first."""
        return [_to_worker(row) for row in await self._database.read(Query(_ALIVE))]

    async def unburied(self) -> list[Worker]:
        """Those too that did not, oldest first."""
        return [_to_worker(row) for row in await self._database.read(Query(_UNBURIED))]


def _to_worker(row: Row) -> Worker:
    return Worker(
        id=row["id"],
        host=row["host"],
        node=row["node"],
        boot_id=row["boot_id"],
        address=row["address"],
        alive_until=row["alive_until"],
        is_alive=bool(row["is_alive"]),
        is_buried=bool(row["buried"]),
    )
