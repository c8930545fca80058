"""What people and programs see of a run, and the exit code."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from conformance.catalogue import chosen
from conformance.cli import BROKEN, NOT_RUN, OK, exit_code, main
from conformance.probe import Subject
from conformance.report_text import lines_of
from conformance.resource import Resource
from conformance.run import Report, examine
from tests.harness.ports import free_port

from .wrong_server import Bug, WrongServer

ROOT = Path(__file__).parents[2]


async def report_on(bug: Bug, *ids: str) -> Report:
    async with WrongServer(bug) as server:
        subject = Subject(base=Resource.parse(server.url), extra=("X-Extra: yes",))
        return await examine(subject, chosen(ids, ()), jobs=4, within=20)


async def test_a_red_line_says_what_was_sent_what_came_and_what_is_wanted() -> None:
    lines = lines_of(await report_on(Bug.PATCH_ANSWERED_200, "CORE-PATCH-4"))
    # Long lines are wrapped.
    text = " ".join(" ".join(lines).split())
    assert "wanted: Success is 204 with Upload-Offset" in text
    assert "[tus 1.0.0, Core Protocol, PATCH]" in text
    assert "found: wanted status 204, found 200 OK" in text
    assert "| PATCH /files/" in text
    assert "| X-Extra: yes" in text
    assert "| HTTP/1.1 200 OK" in text


async def test_a_red_line_ends_with_the_response_that_is_wrong() -> None:
    report = await report_on(Bug.ERRORS_WITHOUT_VERSION, "CORE-VER-2")
    last = report.outcomes[0].finding.exchanges[-1]
    assert "409 Conflict" in last.response_text
    assert "Upload-Offset: 3" in last.request_text


async def test_only_a_must_breaks_the_exit_code() -> None:
    assert exit_code(await report_on(Bug.PATCH_ANSWERED_200, "CORE-PATCH-4")) == BROKEN
    assert exit_code(await report_on(Bug.NAMELESS_460, "SUM-7")) == OK


async def test_what_is_not_announced_is_not_offered() -> None:
    report = await report_on(Bug.EMPTY_EXTENSIONS, "TERM-2", "SUM-3")
    assert {outcome.finding.verdict.value for outcome in report.outcomes} == {"not offered"}


def test_a_server_that_is_not_there_is_told_from_a_wrong_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"http://127.0.0.1:{free_port()}/files/"]) == NOT_RUN
    assert "no connection to 127.0.0.1" in capsys.readouterr().err


def test_a_mistyped_id_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http://127.0.0.1:1/", "--only", "CORE-VER-99"]) == NOT_RUN
    assert "CORE-VER-99" in capsys.readouterr().err


def test_the_list_says_what_is_covered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == OK
    listed = capsys.readouterr().out
    assert "covered: 104 of 106 requirements" in listed
    assert "not covered: EXP-6" in listed


def test_the_suite_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    """Copied away from everything else of ours, without site-packages, it still starts."""
    (tmp_path / "conformance").symlink_to(ROOT / "conformance")
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        "import sys; sys.path.insert(0, '.'); import conformance.cli",
    ]
    asked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr


def test_the_documentation_lists_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--list"])
    assert capsys.readouterr().out in (ROOT / "docs" / "conformance.md").read_text("utf-8")


async def test_a_server_that_falls_is_not_said_to_have_failed_the_rest() -> None:
    server = await asyncio.start_server(answer_options_once(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/files/"
    async with server:
        subject = Subject(base=Resource.parse(url))
        report = await examine(subject, chosen(("CORE-HEAD-1", "CORE-HEAD-2"), ()), jobs=1, within=20)
    assert {outcome.finding.verdict.value for outcome in report.outcomes} == {"unclear"}
    assert report.fell_during == ("head says the offset",)
    assert exit_code(report) == NOT_RUN


def answer_options_once() -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A server that answers the first request, and hangs up on all others."""
    answers = iter([b"HTTP/1.1 200 OK\r\nTus-Version: 1.0.0\r\nContent-Length: 0\r\n\r\n"])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(answers, b""))
        writer.close()
        await writer.wait_closed()

    return serve
