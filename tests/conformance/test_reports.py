"""What people and programs see of a run, and the exit code."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from conformance.catalogue import chosen
from conformance.cli import BROKEN, NOT_RUN, OK, exit_code, main
from conformance.draft import want_small_uploads
from conformance.exchange import Response
from conformance.offer import offer_of
from conformance.probe import INTEROP_VERSION, Probe, Subject
from conformance.report_text import lines_of
from conformance.resource import Resource
from conformance.run import Report, examine
from conformance.specification import Specification
from conformance.verdict import Unclear
from tests.harness.ports import free_port

from .wrong_server import Bug, DraftBug, WrongServer

ROOT = Path(__file__).parents[2]


async def report_on(bug: Bug | DraftBug, *ids: str, interop: int = INTEROP_VERSION) -> Report:
    async with WrongServer(bug) as server:
        subject = Subject(
            base=Resource.parse(server.url), extra=("X-Extra: yes",), patience=2.0, interop=interop
        )
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


async def test_a_red_line_shows_the_interim_response_that_is_wrong() -> None:
    report = await report_on(DraftBug.PROGRESS_WITH_LOCATION, "RUFH-CRE-6")
    text = "\n".join(lines_of(report))
    assert "[draft-ietf-httpbis-resumable-upload, Upload Append, Status Code 104]" in " ".join(text.split())
    assert "found:  wanted no Location on the 104 response" in text
    assert "    | HTTP/1.1 104 Upload Resumption Supported\n    | Upload-Offset: " in text


async def test_without_upload_limit_no_check_of_the_draft_is_asked() -> None:
    draft = chosen((), (), (Specification.IETF,))
    report = await report_on(DraftBug.DRAFT_UNSAID, *(name for check in draft for name in check.ids))
    asked = [outcome for outcome in report.outcomes if outcome.finding.verdict.value != "not offered"]
    assert [outcome.check.ids for outcome in asked] == [("RUFH-OPT-1",)]
    assert "IETF draft: not announced" in list(lines_of(report))


async def test_the_interop_version_of_the_command_line_is_said() -> None:
    # The wrong server speaks 9, and sends no 104 to anybody else.
    report = await report_on(DraftBug.VERSIONLESS_104, "RUFH-VER-2", interop=8)
    assert [outcome.finding.verdict.value for outcome in report.outcomes] == ["not offered"]


@pytest.mark.parametrize("version", ["3", "nine", "-1", ""])
def test_an_interop_version_that_is_none_is_told(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["http://127.0.0.1:1/", "--interop-version", version])
    assert "wanted a number from 4 on" in capsys.readouterr().err


@pytest.mark.parametrize("limits", ["min-size=1", "max-size=10, min-append-size=5242880"])
def test_where_small_uploads_may_be_refused_nothing_is_found_out(limits: str) -> None:
    options = Response(status=200, reason="OK", headers=(("Upload-Limit", limits),))
    probe = Probe(subject=Subject(base=Resource.parse("http://127.0.0.1:1/")), offer=offer_of(options))
    with pytest.raises(Unclear, match="uploads of a few bytes may be refused"):
        want_small_uploads(probe)


def test_one_protocol_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--protocol", "ietf"]) == OK
    assert "covered: 31 of 138 requirements" in capsys.readouterr().out
    assert main(["--list", "--protocol", "tus"]) == OK
    assert "covered: 104 of 138 requirements" in capsys.readouterr().out


def test_a_server_that_is_not_there_is_told_from_a_wrong_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"http://127.0.0.1:{free_port()}/files/"]) == NOT_RUN
    assert "no connection to 127.0.0.1" in capsys.readouterr().err


def test_a_mistyped_id_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http://127.0.0.1:1/", "--only", "CORE-VER-99"]) == NOT_RUN
    assert "CORE-VER-99" in capsys.readouterr().err


def test_the_list_says_what_is_covered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == OK
    listed = capsys.readouterr().out
    assert "covered: 135 of 138 requirements" in listed
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
