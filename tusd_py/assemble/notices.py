"""How hints reach workers on other hosts, as configured.

Belongs here: what database.notify means. Not here: LISTEN and NOTIFY (metadata/postgres_notices.py).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.log import get_logger
from tusd_py.metadata.database import Database

if TYPE_CHECKING:
    from tusd_py.metadata.postgres_notices import PostgresNotices

log = get_logger("tusd_py")


class Notices:
    """Carries hints between hosts; where they cannot be heard, workers look at their rows instead."""

    def __init__(self, settings: Settings, database: Database, worker: str) -> None:
        self._notify = settings.database.notify
        self._dsn = settings.database.listen_url or settings.database.url
        self._seconds = settings.database.timeout
        self._database = database
        self._worker = worker
        self._carrier: PostgresNotices | None = None

    @property
    def listens(self) -> bool:
        """Hints from other hosts reach us now."""
        return self._carrier is not None and self._carrier.listens

    def send(self, worker: str, line: str) -> None:
        """Try to; never blocks, never fails."""
        if self._carrier is not None:
            self._carrier.send(worker, line)

    async def open(self, received: Callable[[str], None]) -> None:
        """Raises Refused where database.notify insists on what does not work."""
        from tusd_py.metadata.postgres_notices import Deaf, PostgresNotices  # noqa: PLC0415 - imports asyncpg

        self._carrier = PostgresNotices(
            self._database, dsn=self._dsn, worker=self._worker, seconds=self._seconds
        )
        try:
            await self._carrier.open(received, listen=self._notify != "poll")
        except Deaf as deaf:
            if self._notify == "listen":
                raise Refused(
                    f'database.notify is "listen", but {deaf}',
                    hint='lead database.listen_url past the proxy, or write database.notify = "auto"',
                ) from deaf
            log.warning("notices.polling", error=str(deaf), meaning="take-overs between hosts take longer")
            await self._carrier.open(received, listen=False)

    async def close(self) -> None:
        """Send what waits, and let go."""
        if self._carrier is not None:
            await self._carrier.close()
