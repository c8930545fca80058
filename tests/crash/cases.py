"""Every case of the crash suite: how its server is set up, and how often it runs.

Belongs here: the list, and running one of it. Not here: the faults themselves, one file each, and who
asks for them (`__main__.py` for long runs, test_crash.py for a slice).
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.clients import large
from tests.clients.browser import journeys, paces
from tests.clients.browser.visitor import page_reason
from tests.clients.foreign import node_reason
from tests.harness.cluster import shared_folder
from tests.harness.server import Server
from tests.histories.run import agree_with_the_model
from tests.services.postgres import PostgresServer

from . import (
    away,
    bad_days,
    concatenation,
    contention,
    deliveries,
    fleet,
    frozen,
    hostile,
    kills,
    latency,
    nodes,
    power,
    quotas,
    rates,
    scans,
    shutdown,
    slow,
    stores,
    streams,
    trace,
    traversal,
    xss,
)
from .report import Outcome, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of the table."""

    name: str
    run: Run
    long: int
    """Runs in `make crash`."""
    slice: int
    """Runs in `make test`; 0 leaves it out."""
    slice_run: Run | None = None
    """Something gentler for `make test`."""
    workers: int = 1
    postgres: bool = False
    """The database is on Postgres instead of SQLite."""
    started: bool = False
    """The server is started for the case; otherwise the case does it."""
    missing: Callable[[], str | None] = lambda: None
    """Why it cannot run here."""


CASES: Sequence[Case] = (
    Case(name="kill -9, SQLite, 1 worker", run=kills.kill_under_load, long=50, slice=2),
    Case(
        name="kill -9, SQLite, 2 workers",
        run=kills.kill_under_load,
        long=50,
        slice=2,
        workers=2,
    ),
    Case(
        name="kill -9, Postgres, 1 worker",
        run=kills.kill_under_load,
        long=50,
        slice=1,
        postgres=True,
    ),
    Case(
        name="kill -9, Postgres, 2 workers",
        run=kills.kill_under_load,
        long=50,
        slice=2,
        workers=2,
        postgres=True,
    ),
    Case(
        name="kill -9, S3 and Postgres, 1 worker",
        run=partial(stores.in_a_bucket, run=partial(kills.kill_under_load, ready_within=15.0)),
        long=50,
        slice=1,
        postgres=True,
        missing=stores.missing,
    ),
    Case(
        name="kill -9, S3 and Postgres, 2 workers",
        run=partial(stores.in_a_bucket, run=partial(kills.kill_under_load, ready_within=15.0)),
        long=50,
        slice=0,
        workers=2,
        postgres=True,
        missing=stores.missing,
    ),
    Case(name="power cut, SQLite", run=power.cut_sqlite, long=10, slice=1, missing=power.missing),
    Case(name="power cut, Postgres", run=power.cut_postgres, long=10, slice=1, missing=power.missing),
    Case(
        name="order of system calls",
        run=trace.order_of_calls,
        long=10,
        slice=1,
        missing=trace.missing,
    ),
    Case(
        name="worker frozen and overtaken",
        run=partial(frozen.overtaken, frozen_for=20.0),
        long=20,
        slice=1,
        slice_run=partial(frozen.overtaken, frozen_for=4.0),
        workers=2,
    ),
    Case(
        name="worker frozen and overtaken, Postgres",
        run=partial(frozen.overtaken, frozen_for=20.0),
        long=20,
        slice=1,
        slice_run=partial(frozen.overtaken, frozen_for=4.0),
        workers=2,
        postgres=True,
    ),
    Case(
        name="concatenation, killed during assembly",
        run=partial(
            concatenation.killed_in_assembly, size=concatenation.Size(partials=100, bytes_each=10 << 20)
        ),
        long=20,
        slice=1,
        slice_run=partial(
            concatenation.killed_in_assembly, size=concatenation.Size(partials=24, bytes_each=1 << 20)
        ),
    ),
    Case(
        name="3 nodes on a shared folder, kill -9 by turns",
        run=partial(nodes.killed_by_turns, storage=shared_folder, pace=nodes.LONG),
        long=50,
        slice=3,
        slice_run=partial(nodes.killed_by_turns, storage=shared_folder, pace=nodes.SHORT),
        postgres=True,
        missing=nodes.missing,
    ),
    Case(
        name="3 nodes on a shared folder, SIGTERM by turns",
        run=partial(nodes.restarted_by_turns, storage=shared_folder, pace=nodes.LONG),
        long=30,
        slice=3,
        slice_run=partial(nodes.restarted_by_turns, storage=shared_folder, pace=nodes.SHORT),
        postgres=True,
        missing=nodes.missing,
    ),
    Case(
        name="node frozen and overtaken by another node",
        run=partial(nodes.frozen, storage=shared_folder, frozen_for=20.0),
        long=50,
        slice=1,
        slice_run=partial(nodes.frozen, storage=shared_folder, frozen_for=4.0),
        postgres=True,
    ),
    Case(
        name="3 nodes on S3, kill -9 by turns",
        run=partial(nodes.killed_by_turns_on_s3, pace=nodes.LONG),
        long=50,
        slice=0,
        postgres=True,
        missing=fleet.missing,
    ),
    Case(
        name="3 nodes on S3, kill -9 by turns under tus-js-client and tuspy",
        run=partial(fleet.killed_under_foreign_clients, largest=200 << 20),
        long=100,
        slice=0,
        postgres=True,
        missing=fleet.missing,
    ),
    Case(
        name="node on S3 frozen and overtaken by another node",
        run=partial(nodes.frozen_on_s3, frozen_for=20.0, at_once=10),
        long=50,
        slice=2,
        slice_run=partial(nodes.frozen_on_s3, frozen_for=4.0, at_once=2),
        postgres=True,
        missing=stores.missing,
    ),
    Case(name="histories against a model", run=agree_with_the_model, long=1000, slice=20),
    Case(name="two processes saturate SQLite", run=contention.saturate, long=10, slice=0),
    Case(name="worker frozen in the database lock", run=frozen.frozen_in_lock, long=20, slice=1, workers=2),
    Case(name="SIGTERM, 50 PATCHes", run=shutdown.terminate_in_flight, long=20, slice=1),
    Case(
        name="SIGTERM, 50 PATCHes, 2 workers", run=shutdown.terminate_in_flight, long=20, slice=1, workers=2
    ),
    Case(
        name="bad days of an object store",
        run=bad_days.bad_days,
        long=500,
        slice=15,
        missing=stores.missing,
    ),
    Case(
        name="kill -9 at every call of an object store",
        run=bad_days.killed_at_every_call,
        long=100,
        slice=2,
        missing=stores.missing,
    ),
    Case(
        name="object store away",
        run=partial(away.away, seconds=60.0),
        long=3,
        slice=0,
        missing=stores.missing,
    ),
    Case(name="HEAD, dead writer", run=latency.head_beside_dead_writer, long=100, slice=20, started=True),
    Case(
        name="HEAD, dead writer, 2 workers",
        run=latency.head_beside_dead_writer,
        long=100,
        slice=10,
        started=True,
        workers=2,
    ),
    Case(
        name="HEAD beside 4 large uploads",
        run=latency.head_beside_large_writers,
        long=1000,
        slice=200,
        # The slice shares two cores with whatever else runs there.
        slice_run=partial(latency.head_beside_large_writers, each=128 << 20, slack=10.0),
        started=True,
    ),
    Case(name="two tabs, one upload", run=latency.two_tabs, long=50, slice=2, started=True),
    Case(name="two tabs, 2 workers", run=latency.two_tabs, long=50, slice=2, started=True, workers=2),
    Case(
        name="scanning, files of every kind and racing GETs",
        run=scans.mixed_files,
        long=200,
        slice=22,
        missing=scans.missing,
    ),
    Case(
        name="scanning, files of every kind, 2 workers, Postgres",
        run=scans.mixed_files,
        long=200,
        slice=22,
        workers=2,
        postgres=True,
        missing=scans.missing,
    ),
    Case(
        name="scanning, clamd killed, frozen, restarted and lying",
        run=scans.broken_scanner,
        long=500,
        slice=80,
        missing=scans.missing,
    ),
    Case(
        name="scanning, killed in mid-scan",
        run=scans.killed_while_scanning,
        long=50,
        slice=1,
        missing=scans.missing,
    ),
    Case(
        name="scanning, killed in mid-scan, 2 workers",
        run=scans.killed_while_scanning,
        long=50,
        slice=2,
        workers=2,
        missing=scans.missing,
    ),
    Case(
        name="scanning, 256 MiB while they arrive",
        run=streams.large_file_while_it_arrives,
        long=5,
        slice=0,  # tests/integration/test_scan_streams.py has short ones
        missing=streams.missing,
    ),
    Case(
        name="quota race, SQLite, 2 workers",
        run=quotas.race,
        long=20,
        slice=1,
        workers=2,
    ),
    Case(name="quota race, Postgres, 3 nodes", run=quotas.race_of_nodes, long=20, slice=1, postgres=True),
    Case(
        name="one limit of requests, Postgres, 3 nodes",
        run=partial(rates.one_limit, seconds=60.0),
        long=1,
        slice=0,  # tests/contract/test_rates.py has the count without the clock
        postgres=True,
    ),
    Case(
        name="path traversal",
        run=traversal.nothing_outside,
        long=1000,
        slice=16,
        missing=traversal.missing,
    ),
    Case(
        name="5,000 dripping connections and 10,000 idle ones, 2 workers",
        run=partial(slow.besieged, siege=slow.LONG),
        long=1,
        slice=1,
        slice_run=partial(slow.besieged, siege=slow.SHORT),
        workers=2,
    ),
    Case(
        name="XSS, 30 files in Chromium",
        run=xss.nothing_runs,
        long=30,
        slice=1,
        started=True,
        missing=page_reason,
    ),
    Case(
        name="webhooks, a receiver down, slow and failing, and kill -9",
        run=deliveries.through_faults,
        long=1000,
        slice=0,  # tests/integration/test_relay.py has 200
    ),
    Case(
        name="webhooks, a receiver down, slow and failing, and kill -9, 2 workers, Postgres",
        run=deliveries.through_faults,
        long=1000,
        slice=0,
        workers=2,
        postgres=True,
    ),
    Case(name="hostile input", run=hostile.hostile_input, long=20_000, slice=1500, started=True),
    Case(
        name="3 GiB by tus-js-client",
        run=large.by_tus_js_client,
        long=1,
        slice=0,
        started=True,
        missing=node_reason,
    ),
    Case(name="3 GiB by tuspy", run=large.by_tuspy, long=1, slice=0, started=True),
    Case(
        name="page, 1 GiB through cuts, a kill and a reload",
        run=journeys.long_journey,
        long=2,
        slice=0,  # tests/clients/browser has the short one
        started=True,
        missing=page_reason,
    ),
    Case(
        name="page, 300 MiB dropped and fetched",
        run=journeys.whole_file,
        long=3,
        slice=0,
        started=True,
        missing=page_reason,
    ),
    Case(
        name="page, 1,000 files at once",
        run=paces.thousand_files,
        long=3,
        slice=0,
        started=True,
        missing=page_reason,
    ),
    Case(
        name="page, a library of 100,000 files",
        run=paces.large_library,
        long=1,
        slice=0,
        started=True,
        missing=page_reason,
    ),
    Case(
        name="page, first load",
        run=paces.first_load,
        long=5,
        slice=0,
        started=True,
        missing=page_reason,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where cases run."""

    folder: Path
    """Empty; removed by whoever made it."""
    postgres: PostgresServer | None = None

    def server(self, case: Case) -> Server:
        """Not started."""
        return Server(folder=self.folder, workers=case.workers, database_url=self._database(case))

    def _database(self, case: Case) -> str:
        if not case.postgres:
            return ""
        assert self.postgres is not None, "this case needs Postgres"
        return self.postgres.create(f"crash_{secrets.token_hex(8)}")


async def perform(case: Case, run: Run, place: Place, outcome: Outcome, runs: int) -> None:
    """Run a case `runs` times, and leave nothing running. `outcome` has what was found, also after errors."""
    server = place.server(case)
    try:
        if case.started:
            await server.start()
        await run(server, outcome, runs)
    finally:
        await server.stop()
