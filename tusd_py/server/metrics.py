"""What is counted, by tusd's names where tusd has one.

With several workers each writes its numbers to files in a folder that the supervisor made
(PROMETHEUS_MULTIPROC_DIR), and the supervisor adds them up; prometheus_client looks for that variable
when it is first imported. Labels are bounded: never an id, a user or a path.

Belongs here: names, types and text. Not here: who serves the text (metrics_listener.py).
"""

import os
import platform
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.core import Metric, UnknownMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from tusd_py.uploads.tally import Tally

from .dialects import Spoke

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"

# tusd counts these without the suffix that Prometheus wants for counters. Dashboards know these names, and
# rate() does not look at the type.
_WITHOUT_TOTAL = frozenset(
    {"tusd_bytes_received", "tusd_uploads_created", "tusd_uploads_finished", "tusd_uploads_terminated"}
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT"})

_HOOKS = (
    *("pre-create", "post-create", "post-receive", "pre-finish", "post-finish"),
    *("pre-terminate", "post-terminate"),
)

_MIB = 1024.0 * 1024.0
_DURATIONS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 24 * 3600.0)
_SIZES = tuple(_MIB * 4**n for n in range(-2, 10))
_LATENCIES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Every number of this process, and the calls by which the rest of the program counts.

    One object per server; several in one process do not clash, except in workers, where there is one.
    """

    def __init__(self, *, version: str) -> None:
        self.registry = CollectorRegistry()
        self.tally = Tally()
        self._multiprocess = MULTIPROCESS in os.environ
        self._make_tusd_metrics()
        self._make_own_metrics()
        build = self._gauge("tusdpy_build_info", "What runs", "livemax", ("version", "python"))
        build.labels(version, platform.python_version()).set(1)

    def _make_tusd_metrics(self) -> None:
        self.requests = self._counter("tusd_requests_total", "Requests by method", ("method",))
        # Looked up once: the library takes a lock for every look-up.
        self._by_method = {method: self.requests.labels(method) for method in (*_METHODS, "other")}
        self.errors = self._counter("tusd_errors_total", "Errors by status and code", ("status", "code"))
        self.bytes_received = self._counter("tusd_bytes_received", "Bytes received for uploads")
        self.uploads_created = self._counter("tusd_uploads_created", "Created uploads")
        self.uploads_finished = self._counter("tusd_uploads_finished", "Finished uploads")
        self.uploads_terminated = self._counter("tusd_uploads_terminated", "Terminated uploads")
        self.hook_invocations = self._counter("tusd_hook_invocations_total", "Called hooks", ("hooktype",))
        self.hook_errors = self._counter("tusd_hook_errors_total", "Hooks that failed", ("hooktype",))
        for kind in _HOOKS:
            self.hook_invocations.labels(kind)
            self.hook_errors.labels(kind)
        self.connections_open = self._gauge("tusd_connections_open", "Open connections", "livesum")

    def _make_own_metrics(self) -> None:
        self.dialects = self._counter(
            "tusdpy_requests_total", "Requests by the protocol that they spoke", ("dialect",)
        )
        self._by_dialect = {dialect: self.dialects.labels(dialect) for dialect in Spoke}
        self.upload_duration = self._histogram(
            "tusdpy_upload_duration_seconds", "From creation to the last byte", _DURATIONS
        )
        self.upload_size = self._histogram("tusdpy_upload_size_bytes", "Size of finished uploads", _SIZES)
        self.uploads_active = self._gauge("tusdpy_uploads_active", "Bodies being received", "livesum")
        self.commit = self._histogram(
            "tusdpy_commit_seconds", "Making bytes durable and moving the line", _LATENCIES
        )
        self.fenced_writers = self._counter("tusdpy_fenced_total", "Writers that were overtaken")
        self.takeovers = self._counter(
            "tusdpy_takeovers_total", "Uploads taken from another writer", ("how",)
        )
        self.jobs = self._gauge(
            "tusdpy_jobs", "Jobs waiting or running", "livemostrecent", ("consumer", "state")
        )
        self.scans = self._counter("tusdpy_scans_total", "Scans by what they said", ("verdict",))
        self.scans_failed = self._counter("tusdpy_scans_failed_total", "Scans that ended without a verdict")
        self.scans_given_up = self._counter(
            "tusdpy_scans_given_up_total", "Files whose scan failed too often to be tried again"
        )
        self.scan_streams = self._counter(
            "tusdpy_scan_streams_total", "Uploads shown to the scanner while they arrived", ("outcome",)
        )
        self.rates = self._counter(
            "tusdpy_rate_limited_total", "Requests that came too often", ("whose", "how")
        )
        self.connections_refused = self._counter(
            "tusdpy_connections_refused_total", "Connections closed at once, by the limit", ("limit",)
        )
        self.scan_duration = self._histogram("tusdpy_scan_seconds", "One scan, to its verdict", _DURATIONS)
        self.scanned_bytes = self._counter("tusdpy_scanned_bytes_total", "Bytes of files with a new verdict")
        self.not_in = self._counter(
            "tusdpy_auth_refused_total", "Requests whose credentials were missing or not good", ("reason",)
        )
        self.events_out = self._counter(
            "tusdpy_events_out_total", "Events on their way to other systems", ("relay", "outcome")
        )
        self.events_waiting = self._gauge(
            "tusdpy_events_out_waiting",
            "Events that another system refused, and of the following ones in the log at most 500",
            "livemax",
            ("relay",),
        )
        self.relays_down = self._gauge(
            "tusdpy_relay_down", "1 while another system takes nothing", "livemax", ("relay",)
        )
        self.listeners = self._gauge("tusdpy_listeners", "Listeners to the live feed", "livesum")
        self.downloads = self._counter("tusdpy_downloads_total", "Downloads that started", ("via",))
        self.bytes_sent = self._counter("tusdpy_bytes_sent_total", "Bytes of files sent by this service")
        self.link_uses = self._counter("tusdpy_link_uses_total", "Uses of share links that were counted")
        self.links_refused = self._counter(
            "tusdpy_links_refused_total", "Visits to links that opened nothing", ("reason",)
        )
        self.journal_lines_forgotten = self._counter(
            "tusdpy_journal_forgotten_total", "Downloads that could not be written to the events"
        )
        self.uploads_lost = self._counter("tusdpy_uploads_lost_total", "Uploads whose bytes were lost")

    # Made when they are first set: a process that does not have such a thing shows nothing, instead of a 0.

    @cached_property
    def free(self) -> Gauge:
        return self._gauge(
            "tusdpy_storage_free_bytes", "Bytes free on the disk of storage.upload_dir", "livemostrecent"
        )

    @cached_property
    def proven(self) -> Gauge:
        return self._gauge("tusdpy_scanner_proven", "1 while the scanner finds what it has to", "livemin")

    def requested(self, method: str) -> None:
        """A request came in. Methods are what a client sends: unknown ones share a label."""
        counter = self._by_method.get(method) or self._by_method["other"]
        counter.inc()

    def spoke(self, dialect: Spoke) -> None:
        """The request spoke that."""
        self._by_dialect[dialect].inc()

    def refused(self, status: int, code: str) -> None:
        """A request was refused, with a code of protocol/errors.py."""
        self.errors.labels(str(status), code).inc()

    def not_let_in(self, reason: str) -> None:
        """Credentials were missing, or not good; `reason` is one of a few words of ours."""
        self.not_in.labels(reason).inc()

    def opened(self) -> None:
        """A connection was accepted."""
        self.connections_open.inc()

    def closed(self) -> None:
        """A connection ended."""
        self.connections_open.dec()

    def turned_away(self, limit: str) -> None:
        """A connection was closed at once; `limit` is the name of the setting that says so."""
        self.connections_refused.labels(limit).inc()

    def created(self) -> None:
        """An upload was created."""
        self.uploads_created.inc()
        self.tally.created += 1

    def received(self, count: int) -> None:
        """Bytes were written to storage, whether or not they are committed later."""
        self.bytes_received.inc(count)
        self.tally.received += count

    def finished(self, seconds: float, size: int) -> None:
        """All bytes of an upload are durable."""
        self.uploads_finished.inc()
        self.tally.finished += 1
        self.upload_duration.observe(max(seconds, 0.0))
        self.upload_size.observe(size)

    def terminated(self) -> None:
        """A client deleted an upload."""
        self.uploads_terminated.inc()

    def fenced(self) -> None:
        """A writer of ours was overtaken."""
        self.fenced_writers.inc()

    def took_over(self, how: str) -> None:
        """`how` is one of a few words of ours."""
        self.takeovers.labels(how).inc()

    def lost(self) -> None:
        """Bytes that we said we had are not there."""
        self.uploads_lost.inc()

    def committed(self, seconds: float) -> None:
        """How long making bytes durable and moving the line took."""
        self.commit.observe(seconds)

    def scanned(self, verdict: str, seconds: float, size: int) -> None:
        """A verdict was committed."""
        self.scans.labels(verdict).inc()
        self.scan_duration.observe(seconds)
        self.scanned_bytes.inc(size)

    def scan_failed(self) -> None:
        """A scan ended without a verdict; it is tried again."""
        self.scans_failed.inc()

    def scan_given_up(self) -> None:
        """It failed so often that nobody tries again."""
        self.scans_given_up.inc()

    def rate_limited(self, whose: str, how: str) -> None:
        """A request was delayed or refused, for its user or its address."""
        self.rates.labels(whose, how).inc()

    def scan_streamed(self, outcome: str) -> None:
        """`outcome` is one of a few words of ours."""
        self.scan_streams.labels(outcome).inc()

    def scanner_proven(self, *, is_proven: bool) -> None:
        """Whether the scanner showed lately that it finds what it has to."""
        self.proven.set(is_proven)

    def waiting(self, consumer: str, waiting: int, running: int) -> None:
        """How many jobs of a consumer there are; every worker sees all of them."""
        self.jobs.labels(consumer, "waiting").set(waiting)
        self.jobs.labels(consumer, "running").set(running)

    def has_free(self, count: int) -> None:
        """Bytes on the disk of storage.upload_dir; every worker sees the same disk."""
        self.free.set(count)

    def relayed(self, relay: str, outcome: str) -> None:
        """`relay` is a name from the configuration, `outcome` one of three words."""
        self.events_out.labels(relay, outcome).inc()

    def relay_stands(self, relay: str, *, waiting: int, is_down: bool) -> None:
        """Told by the worker that holds the relay."""
        self.events_waiting.labels(relay).set(waiting)
        self.relays_down.labels(relay).set(is_down)

    def hook_called(self, kind: str, *, failed: bool) -> None:
        """`kind` is one of tusd's seven."""
        self.hook_invocations.labels(kind).inc()
        if failed:
            self.hook_errors.labels(kind).inc()

    def listening(self, count: int) -> None:
        """So many listen to the live feed."""
        self.listeners.set(count)

    def download_started(self, via: str) -> None:
        """`via` is one of a few words of ours."""
        self.downloads.labels(via).inc()

    def sent(self, count: int) -> None:
        """Bytes of a file went out."""
        self.bytes_sent.inc(count)

    def link_used(self) -> None:
        """A use of a share link was counted."""
        self.link_uses.inc()

    def link_refused(self, reason: str) -> None:
        """`reason` is a code of protocol/errors.py, in small letters."""
        self.links_refused.labels(reason).inc()

    def journal_forgot(self, count: int) -> None:
        """Downloads that could not be noted."""
        self.journal_lines_forgotten.inc(count)

    def receiving(self) -> AbstractContextManager[object]:
        """Around the reading of one body."""
        return self.uploads_active.track_inprogress()

    def text(self) -> bytes:
        """This process's numbers in the Prometheus text format."""
        return generate_latest(_Renamed(self.registry))

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, mode: str, labels: tuple[str, ...] = ()) -> Gauge:
        """`mode` is how the gauges of several workers become one."""
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode=mode)  # type: ignore[arg-type]  # one of the library's literals

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()
    ) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=buckets)


def count_beside_others(folder: str) -> None:
    """From now on this process's numbers are in a file of `folder`, which `text_of_all` reads.

    The library looks at its environment only when it is imported, which was before the fork. It would also
    ask the kernel for the process at every count, a dozen times for an upload; a worker forks no workers.
    """
    os.environ[MULTIPROCESS] = folder
    pid = os.getpid()
    values.ValueClass = values.MultiProcessValue(lambda: pid)  # type: ignore[no-untyped-call]  # no types here


def text_of_all(folder: str) -> bytes:
    """The numbers of all workers that write to `folder`, dead ones' counters included. Reads files."""
    return generate_latest(_Renamed(_Workers(folder)))


def forget_worker(pid: int, folder: str) -> None:
    """A worker ended: its open connections and the like are gone; what it counted stays."""
    mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]  # the library has no types here


class _Source(Protocol):
    def collect(self) -> Iterable[Metric]: ...


class _Workers:
    def __init__(self, folder: str) -> None:
        self._collector = MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]  # no types here

    def collect(self) -> Iterable[Metric]:
        found: Iterable[Metric] = self._collector.collect()  # type: ignore[no-untyped-call]  # no types here
        return sorted(found, key=lambda metric: metric.name)


class _Renamed(CollectorRegistry):
    """What a source collects, under tusd's names and without the library's "_created" series."""

    def __init__(self, source: _Source) -> None:
        super().__init__()
        self._source = source

    def collect(self) -> Iterable[Metric]:
        return [_renamed(metric) for metric in self._source.collect()]


def _renamed(metric: Metric) -> Metric:
    if metric.name in _WITHOUT_TOTAL:
        # prometheus_client has no counters without a suffix; an untyped metric has whatever name it has.
        renamed: Metric = UnknownMetricFamily(metric.name, metric.documentation)
        for sample in metric.samples:
            if sample.name == f"{metric.name}_total":
                renamed.add_sample(metric.name, sample.labels, sample.value)
        return renamed
    metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
    return metric
