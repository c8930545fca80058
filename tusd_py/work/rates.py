"""Counting together with other nodes: the database hears what was had here, and says what was had elsewhere.

Between two times a node knows of the others' visitors only what it heard last; how much that lets through is
in docs/limits.md. While the database is away each node counts alone.

Belongs here: taking the account there and back. Not here: the statement (metadata/rates.py).
"""

from tusd_py.access.rates import RateTable
from tusd_py.log import get_logger
from tusd_py.metadata.database import Buried, DatabaseError
from tusd_py.metadata.rates import RateRows

log = get_logger("tusd_py.work")

AT_ONCE = 2000
"""Keys of one statement."""


class Exchange:
    """Of one worker."""

    def __init__(self, table: RateTable, rows: RateRows) -> None:
        self._table = table
        self._rows = rows
        self._is_alone = False
        table.keep_account()

    async def __call__(self) -> None:
        """Tell and hear; what could not be told is told the next time."""
        account = self._table.account()
        try:
            while account:
                part = dict(list(account.items())[:AT_ONCE])
                for name, ahead in (await self._rows.add(part)).items():
                    self._table.postpone(name, ahead)
                for name in part:
                    del account[name]
            self._is_alone = False
        except Buried:
            raise
        except DatabaseError as failed:
            # Once, not twice a second.
            if not self._is_alone:
                log.warning("rates.counted_alone", error=str(failed))
            self._is_alone = True
        finally:
            self._table.put_back(account)
