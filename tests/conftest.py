"""What every test may use: a seed that is printed, a real server; and no skipped test under CI."""

import asyncio
import logging
import os
import random
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
import structlog

from tests.harness.server import Server
from tests.order import longest_first
from tests.services.clamd import clamd_server, own_clamd
from tests.services.postgres import _migrated, empty_postgres_dsn, postgres_dsn, postgres_server
from tests.services.seaweedfs import bucket, seaweed, shared_bucket
from tusd_py.log import OURS

__all__ = [
    "_migrated",
    "bucket",
    "clamd_server",
    "empty_postgres_dsn",
    "own_clamd",
    "postgres_dsn",
    "postgres_server",
    "seaweed",
    "shared_bucket",
]

CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


def pytest_configure() -> None:
    # Behind an `&` Ctrl-C is ignored, and would be by every program that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # No test asks a server with a certificate of a public authority, and reading those of them all is a tenth
    # of the start of each program.
    os.environ.update(SSL_CERT_FILE=os.devnull, SSL_CERT_DIR=os.devnull)
    _seed()  # before pytest-xdist starts its processes, which are to have the same one


def pytest_report_header() -> str:
    return f"seed: {_seed()} (replay with TEST_SEED={_seed()})"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of the processes of pytest-xdist
        longest_first(items)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under CI a skipped test is a failed run: CI has, or fetches, all that the tests need."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if CI and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What hostile text left in a captured log must get from the process that ran the test to the other."""
    report = yield
    report.sections = [
        (name, content.encode("utf-8", "backslashreplace").decode()) for name, content in report.sections
    ]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = len(terminalreporter.stats.get("skipped", []))
    if CI and skipped:
        terminalreporter.write_line(f"{skipped} skipped, which CI does not allow (listed above)", red=True)


def _seed() -> int:
    """One for the session, so that a failing run can be replayed."""
    chosen = os.environ.setdefault("TEST_SEED", str(random.SystemRandom().randrange(1 << 31)))
    return int(chosen)


@pytest.fixture(autouse=True)
def _a_log_of_its_own() -> Iterator[None]:
    """A program that runs in this process takes the log over: the next test would hear nothing of ours."""
    yield
    root = logging.getLogger()
    taken_over = [
        one for one in root.handlers if isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)
    ]
    if not taken_over:
        return
    for handler in taken_over:
        root.removeHandler(handler)
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def seed() -> int:
    """Seeds everything random in a test; pytest's header says it."""
    return _seed()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """The real program with its defaults, on SQLite; for one test."""
    async with Server(folder=tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real program with its defaults, for the tests of a module that do not harm it."""
    running = Server(folder=tmp_path_factory.mktemp("server"))
    asyncio.run(running.start())
    yield running
    asyncio.run(running.stop())
