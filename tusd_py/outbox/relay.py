"""Delivering the event log to one sink: at least once, and in order for each subject.

Of all workers one holds a relay (metadata/relays.py). It reads the log and sends what the sink wants,
several subjects at once, one event of a subject at a time. An event that is not taken becomes a row, and so
does what follows it in its subject; other subjects go on. So the cursor in the database moves on, and what a
crash makes us send again is at most a window.

Belongs here: when a relay is held. Not here: what its holder does (shift.py), sending (sink.py).
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from tusd_py.log import get_logger
from tusd_py.metadata.database import Buried, Database, DatabaseError
from tusd_py.metadata.event_log import newest
from tusd_py.metadata.relays import RelayRows

from .shift import Shift
from .sink import Sink, SinkMeter, Undelivered, Wanted

log = get_logger("tusd_py.outbox")

LEASE = 20_000_000
"""Microseconds after which another worker takes over from one that fell silent."""
LOOK_FOR_TURN_EVERY = 3.0
"""Seconds between looks whether nobody holds the relay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayRules:
    """How a sink is treated. Seconds."""

    wanted: Wanted
    parallel: int = 8
    """Events being sent at once."""
    timeout: float = 15.0
    """For one try."""
    attempts: int = 100
    """Refusals after which an event is given up."""
    give_up_after: float = 24 * 3600.0
    """From its first failed try on."""
    first_pause: float = 5.0
    longest_pause: float = 900.0
    look_every: float = 0.5
    """Between looks at the log when there was nothing new."""


class Relay:
    """One sink, as one worker of several serves it."""

    def __init__(
        self,
        sink: Sink,
        rules: RelayRules,
        database: Database,
        *,
        worker: str,
        installation: str,
        meter: SinkMeter,
    ) -> None:
        self.sink = sink
        self._rules = rules
        self._database = database
        self._rows = RelayRows(database)
        self._worker = worker
        self._installation = installation
        self._meter = meter
        self._shift: Shift | None = None

    async def prepare(self) -> None:
        """A relay that is new begins with what happens from now on."""
        await self._rows.create(self.sink.name, await newest(self._database))

    def kick(self) -> None:
        """There may be an event now."""
        if self._shift is not None:
            self._shift.kick()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._take_turn()
            except Buried:
                return
            except (DatabaseError, Undelivered) as failed:
                log.warning("relay.postponed", relay=self.sink.name, error=str(failed))
            except Exception:
                # An outermost loop: a relay that stopped would be noticed by nobody.
                log.exception("relay.failed", relay=self.sink.name)
            await asyncio.sleep(LOOK_FOR_TURN_EVERY)

    async def _take_turn(self) -> None:
        """Returns when somebody else holds it."""
        asked_at = asyncio.get_running_loop().time()
        term = await self._rows.take(self.sink.name, self._worker, LEASE)
        if term is None:
            return
        log.info("relay.held", relay=self.sink.name, epoch=term.epoch)
        try:
            self._shift = Shift(
                self.sink,
                self._rules,
                self._database,
                self._rows,
                term,
                installation=self._installation,
                meter=self._meter,
                lease=LEASE,
                held_since=asked_at,
            )
            await self.sink.open()
            await self._shift.run()
        finally:
            self._shift = None
            self._meter.relay_stands(self.sink.name, waiting=0, is_down=False)
            await self.sink.close()
            with suppress(DatabaseError):
                await self._rows.release(term)
