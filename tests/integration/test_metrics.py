"""The names that dashboards know, from one process and from several."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tusd_py.config.settings import Metrics as MetricsSettings
from tusd_py.errors import Refused
from tusd_py.server.dialects import Spoke
from tusd_py.server.metrics import Metrics, forget_worker, text_of_all
from tusd_py.server.metrics_listener import serving_metrics

from .tiny import ask, tiny_server

TYPES = {
    "tusd_requests_total": "counter",
    "tusd_errors_total": "counter",
    "tusd_bytes_received": "untyped",
    "tusd_uploads_created": "untyped",
    "tusd_uploads_finished": "untyped",
    "tusd_uploads_terminated": "untyped",
    "tusd_connections_open": "gauge",
    "tusdpy_requests_total": "counter",
    "tusdpy_upload_duration_seconds": "histogram",
    "tusdpy_upload_size_bytes": "histogram",
    "tusdpy_uploads_active": "gauge",
    "tusdpy_commit_seconds": "histogram",
    "tusdpy_fenced_total": "counter",
    "tusdpy_takeovers_total": "counter",
    "tusdpy_jobs": "gauge",
    "tusdpy_storage_free_bytes": "gauge",
    "tusdpy_scans_total": "counter",
    "tusdpy_scans_failed_total": "counter",
    "tusdpy_scans_given_up_total": "counter",
    "tusdpy_scan_streams_total": "counter",
    "tusdpy_scan_seconds": "histogram",
    "tusdpy_scanned_bytes_total": "counter",
    "tusdpy_scanner_proven": "gauge",
    "tusdpy_auth_refused_total": "counter",
    "tusd_hook_invocations_total": "counter",
    "tusd_hook_errors_total": "counter",
    "tusdpy_rate_limited_total": "counter",
    "tusdpy_connections_refused_total": "counter",
    "tusdpy_events_out_total": "counter",
    "tusdpy_events_out_waiting": "gauge",
    "tusdpy_relay_down": "gauge",
    "tusdpy_listeners": "gauge",
    "tusdpy_downloads_total": "counter",
    "tusdpy_bytes_sent_total": "counter",
    "tusdpy_link_uses_total": "counter",
    "tusdpy_links_refused_total": "counter",
    "tusdpy_journal_forgotten_total": "counter",
    "tusdpy_uploads_lost_total": "counter",
    "tusdpy_build_info": "gauge",
}

EXPECTED = (
    "tusd_bytes_received {n}000.0",
    "tusd_uploads_created {n}.0",
    "tusd_uploads_finished {n}.0",
    "tusd_uploads_terminated {n}.0",
    'tusd_requests_total{{method="PATCH"}} {n}.0',
    'tusd_errors_total{{code="ERR_X",status="409"}} {n}.0',
    'tusdpy_requests_total{{dialect="ietf"}} {n}.0',
    "tusdpy_upload_size_bytes_count {n}.0",
    "tusdpy_upload_size_bytes_sum {n}00.0",
    "tusdpy_commit_seconds_count {n}.0",
    "tusdpy_fenced_total {n}.0",
    'tusdpy_takeovers_total{{how="dead"}} {n}.0',
    'tusdpy_scans_total{{verdict="clean"}} {n}.0',
    "tusdpy_scans_failed_total {n}.0",
    "tusdpy_scans_given_up_total {n}.0",
    "tusdpy_scan_seconds_count {n}.0",
    "tusdpy_scanned_bytes_total {n}00.0",
    'tusdpy_downloads_total{{via="link"}} {n}.0',
    "tusdpy_bytes_sent_total {n}00.0",
    "tusdpy_link_uses_total {n}.0",
    'tusdpy_links_refused_total{{reason="link_gone"}} {n}.0',
    "tusdpy_journal_forgotten_total {n}.0",
    "tusdpy_uploads_lost_total {n}.0",
)

ROOT = Path(__file__).parents[2]

COUNTING = """
import sys
from tests.integration.test_metrics import count_everything
from tusd_py.server.metrics import Metrics
count_everything(Metrics(version="1.2.3"))
print("counted", flush=True)
sys.stdin.read()
"""


def count_everything(metrics: Metrics) -> None:
    metrics.opened()
    metrics.requested("PATCH")
    metrics.spoke(Spoke.IETF)
    metrics.refused(409, "ERR_X")
    metrics.created()
    metrics.received(1000)
    metrics.committed(0.01)
    metrics.finished(2.0, 100)
    metrics.terminated()
    metrics.fenced()
    metrics.took_over("dead")
    metrics.scanned("clean", 0.5, 100)
    metrics.scan_failed()
    metrics.scan_given_up()
    metrics.scanner_proven(is_proven=True)
    metrics.hook_called("pre-create", failed=True)
    metrics.rate_limited("user", "refused")
    metrics.turned_away("connections_per_address")
    metrics.relayed("webhook", "delivered")
    metrics.relay_stands("webhook", waiting=1, is_down=False)
    metrics.listening(1)
    metrics.download_started("link")
    metrics.sent(100)
    metrics.link_used()
    metrics.link_refused("link_gone")
    metrics.journal_forgot(1)
    metrics.lost()
    metrics.not_let_in("missing")
    metrics.scan_streamed("whole")
    metrics.receiving().__enter__()
    metrics.waiting("finish", 7, 0)
    metrics.has_free(12)


def types_in(text: str) -> dict[str, str]:
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def test_one_process_shows_exactly_these_names() -> None:
    metrics = Metrics(version="1.2.3")
    count_everything(metrics)
    text = metrics.text().decode()
    assert types_in(text) == TYPES
    assert "tusd_requests_created" not in text
    assert re.search(r'^tusdpy_build_info\{python="3[0-9.]+",version="1.2.3"\} 1.0$', text, re.MULTILINE)


def test_metrics_that_pages_name_are_there() -> None:
    shown = {f"{name}{end}" for name in TYPES for end in ("", "_bucket", "_count", "_sum")}
    named = {
        name
        for page in (ROOT / "docs").glob("*.md")
        for name in re.findall(r"\btusd(?:py)?_[a-z_]*[a-z]\b(?=[`{ ])", page.read_text("utf-8"))
        if name != "tusd_py"
    }
    assert named <= shown
    assert len(named) > 20


def test_a_process_without_a_disk_or_a_scanner_shows_nothing_of_them() -> None:
    text = Metrics(version="1").text().decode()
    assert "tusdpy_storage_free_bytes" not in text
    assert "tusdpy_scanner_proven" not in text


def test_two_in_one_process_do_not_clash() -> None:
    one, other = Metrics(version="1"), Metrics(version="1")
    one.received(5)
    assert "tusd_bytes_received 5.0\n" in one.text().decode()
    assert "tusd_bytes_received 0.0\n" in other.text().decode()


def start_counting(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", COUNTING],
        cwd=ROOT,
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "counted\n"
    return process


def test_several_workers_are_added_up_and_the_dead_keep_what_they_counted(tmp_path: Path) -> None:
    workers = [start_counting(tmp_path) for _ in range(2)]
    text = text_of_all(str(tmp_path)).decode()
    assert types_in(text) == TYPES
    for line in EXPECTED:
        assert f"{line.format(n=2)}\n" in text
    assert "tusd_connections_open 2.0\n" in text
    assert "tusdpy_uploads_active 2.0\n" in text
    assert 'tusdpy_jobs{consumer="finish",state="waiting"} 7.0\n' in text
    assert "tusdpy_storage_free_bytes 12.0\n" in text
    assert "pid=" not in text

    workers[0].kill()
    for worker in workers:
        worker.communicate()
    forget_worker(workers[0].pid, str(tmp_path))
    text = text_of_all(str(tmp_path)).decode()
    for line in EXPECTED:
        assert f"{line.format(n=2)}\n" in text
    assert "tusd_connections_open 1.0\n" in text


async def test_the_listener_serves_text_at_its_path_only() -> None:
    settings = MetricsSettings(port=0, metrics_path="/m")
    async with serving_metrics(settings, lambda: b"a 1.0\n") as url, ClientSession() as client:
        async with client.get(url) as answer:
            assert await answer.read() == b"a 1.0\n"
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        async with client.get(url.removesuffix("/m")) as answer:
            assert answer.status == 404


async def test_a_used_metrics_port_is_refused() -> None:
    async with serving_metrics(MetricsSettings(port=0), bytes) as url:
        port = int(url.split(":")[2].split("/")[0])
        with pytest.raises(Refused, match=rf"on 127\.0\.0\.1:{port} \(Address already in use\)$"):
            async with serving_metrics(MetricsSettings(port=port), bytes):
                pass


async def test_metrics_can_be_off() -> None:
    async with serving_metrics(MetricsSettings(expose_metrics=False), bytes) as url:
        assert url == ""


async def test_random_paths_and_methods_add_no_series() -> None:
    async with tiny_server() as tiny:
        await ask(tiny, "GET /first HTTP/1.1")
        await ask(tiny, "PROPFIND /first HTTP/1.1")
        before = len(tiny.metrics.text().splitlines())
        for n in range(50):
            await ask(tiny, f"GET /nothing/{n} HTTP/1.1")
            await ask(tiny, f"{'UNLOCK' if n % 2 else 'MKCOL'} /nothing/{n} HTTP/1.1")
        assert len(tiny.metrics.text().splitlines()) == before
