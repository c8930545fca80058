"""What commands print, and how they end."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from tusd_py import assemble
from tusd_py.cli.entry import main
from tusd_py.config import Settings
from tusd_py.config.effective import Sources
from tusd_py.errors import Refused

from .conftest import ROOT, Run

HEAVY = (
    "aiohttp",
    "botocore",
    "aiobotocore",
    "asyncpg",
    "aiosqlite",
    "uvloop",
    "structlog",
    "yarl",
    "prometheus_client",
)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["version"],
        ["serve", "--help"],
        ["upload", "--help"],
        ["check-config"],
        ["--prot"],
    ],
    ids=" ".join,
)
def test_what_needs_nothing_heavy_loads_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tusd_py.cli import main
try:
    main({arguments!r})
except SystemExit:
    pass
loaded = sorted(set({HEAVY!r}) & set(sys.modules))
sys.exit(f"loaded: {{loaded}}" if loaded else 0)
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize(
    "arguments", [["--version"], ["-version"], ["version"], ["serve", "--version"]], ids=" ".join
)
def test_the_version_names_what_runs(run: Run, arguments: list[str]) -> None:
    outcome = run(*arguments)
    assert outcome.returncode == 0
    assert outcome.stdout.startswith("tusd-py ")
    assert f"(Python {sys.version.split()[0]}, aiohttp " in outcome.stdout


def test_the_version_as_json(run: Run) -> None:
    assert set(json.loads(run("version", "--json").stdout)) == {"tusd-py", "python", "aiohttp"}


def test_help_explains_settings(run: Run) -> None:
    outcome = run("serve", "--help")
    assert outcome.returncode == 0
    assert "--upload-dir DIR" in outcome.stdout
    assert "2 %" not in outcome.stderr


def test_check_config_shows_values_with_their_origin_and_no_secrets(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tusd.toml").write_text("[server]\nport = 81\n")
    outcome = run("check-config", "--max-size", "5GB", TUSD_PY_DATABASE__URL="postgresql://u:geheim@h/db")
    assert outcome.returncode == 0
    lines = outcome.stdout.split("\n")
    assert lines[0] == "ok: tusd.toml"
    assert "port = 81  # tusd.toml:2" in lines
    assert "max_size = 5000000000  # flag --max-size" in lines
    assert 'url = "***"  # environment variable TUSD_PY_DATABASE__URL' in lines
    assert 'host = "127.0.0.1"  # default' in lines
    assert "geheim" not in outcome.stdout + outcome.stderr


@pytest.mark.parametrize("command", ["check-config", "serve"])
def test_tls_files_that_cannot_be_read_are_named_with_their_setting(
    run: Run, tmp_path: Path, command: str
) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_text("")
    missing = run(command, "--tls-certificate", str(chain), "--tls-key", str(key))
    assert missing.returncode == (2 if command == "check-config" else 1)
    assert f"error: server.tls_key: cannot read {key}" in missing.stderr
    key.write_text("")
    empty = run(command, "--tls-certificate", str(chain), "--tls-key", str(key), "--workers", "2")
    assert "error: server.tls_certificate and server.tls_key:" in empty.stderr
    assert "ok" not in missing.stdout + empty.stdout
    assert "service.started" not in missing.stderr + empty.stderr


def test_what_check_config_shows_is_a_configuration_file(run: Run, tmp_path: Path) -> None:
    shown = run("check-config", "--workers", "3", "--set", 'cors.allow_methods=["A", "B"]').stdout
    (tmp_path / "again.toml").write_text(shown.split("\n", 1)[1])
    again = run("check-config", "--config", "again.toml")
    assert again.returncode == 0, again.stderr
    assert "workers = 3  # again.toml:" in again.stdout
    assert 'allow_methods = ["A", "B"]  # again.toml:' in again.stdout


def test_no_colour_reaches_a_pipe(run: Run) -> None:
    assert "\x1b" not in run("--prot").stderr


def test_migrate_makes_the_schema(run: Run, tmp_path: Path) -> None:
    outcome = run("migrate", "--upload-dir", "here")
    assert outcome.returncode == 0, outcome.stderr
    assert (tmp_path / "here" / ".tusd" / "tusd.db").exists()


def test_fsck_finds_nothing_wrong_with_nothing(run: Run) -> None:
    run("migrate")
    as_text, as_json = run("fsck"), run("fsck", "--json", "-repair")
    assert (as_text.returncode, as_json.returncode) == (0, 0)
    assert as_text.stdout
    assert as_json.stdout == ""


def test_what_cannot_be_served_is_refused_without_a_traceback(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the way")
    outcome = run("serve", "--port", "0", "--set", "metrics.port=0")
    assert outcome.returncode == 1
    assert "error: " in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize("arguments", [["serve"], []], ids=["named", "by default"])
def test_we_serve_until_we_are_told_to_stop(tmp_path: Path, arguments: list[str]) -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "tusd_py", *arguments, "-port=0", "--set", "metrics.port=0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with started:
        assert started.stdout is not None
        try:
            assert any("You can now upload files to: http://127.0.0.1:" in line for line in started.stdout)
        finally:
            started.terminate()
        started.stdout.read()
    assert started.returncode == 0


def ending(monkeypatch: pytest.MonkeyPatch, failure: BaseException, *arguments: str) -> int:
    """The exit code when serving fails in a way that no real part can be made to fail on purpose."""

    def fail(_settings: Settings, _sources: Sources) -> NoReturn:
        raise failure

    monkeypatch.setattr(assemble, "serve", fail)
    return main(["serve", *arguments])


def test_a_refusal_is_told_with_its_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = Refused("port 80 is taken by nginx, wanted a free one", hint="--port 8081")
    assert ending(monkeypatch, refusal) == 1
    assert (
        capsys.readouterr().err == "error: port 80 is taken by nginx, wanted a free one\nhint: --port 8081\n"
    )


def test_an_interrupt_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == ""


def test_an_unexpected_failure_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(monkeypatch, ValueError("bad\x1b thing at postgresql://u:geheim@h/")) == 1
    told = capsys.readouterr().err
    assert told == (
        "error: unexpected failure: ValueError: bad\\x1b thing at postgresql://u:***@h/\n"
        "hint: --debug shows where it happened\n"
    )


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="bad"):
        ending(monkeypatch, ValueError("bad"), "--debug")
