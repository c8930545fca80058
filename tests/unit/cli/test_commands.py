"""What commands print, and how they end."""

import json
import subprocess
import sys

import pytest

from tusd_py import assemble
from tusd_py.cli.entry import main
from tusd_py.config import Settings
from tusd_py.errors import Refused

from .conftest import ROOT

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
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["version"], ["serve", "--help"], ["check-config"], ["--prot"]],
    ids=" ".join,
)
def test_what_needs_nothing_heavy_loads_nothing_heavy(arguments, tmp_path):
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
def test_the_version_names_what_runs(run, arguments):
    outcome = run(*arguments)
    assert outcome.returncode == 0
    assert outcome.stdout.startswith("tusd-py ")
    assert f"(Python {sys.version.split()[0]}, aiohttp " in outcome.stdout


def test_the_version_as_json(run):
    assert set(json.loads(run("version", "--json").stdout)) == {"tusd-py", "python", "aiohttp"}


def test_help_explains_settings(run):
    outcome = run("serve", "--help")
    assert outcome.returncode == 0
    assert "--upload-dir DIR" in outcome.stdout
    assert "2 %" not in outcome.stderr


def test_check_config_shows_values_with_their_origin_and_no_secrets(run, tmp_path):
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


def test_what_check_config_shows_is_a_configuration_file(run, tmp_path):
    shown = run("check-config", "--workers", "3", "--set", 'cors.allow_methods=["A", "B"]').stdout
    (tmp_path / "again.toml").write_text(shown.split("\n", 1)[1])
    again = run("check-config", "--config", "again.toml")
    assert again.returncode == 0, again.stderr
    assert "workers = 3  # again.toml:" in again.stdout
    assert 'allow_methods = ["A", "B"]  # again.toml:' in again.stdout


def test_no_colour_reaches_a_pipe(run):
    assert "\x1b" not in run("--prot").stderr


@pytest.fixture
def calls(monkeypatch):
    """What the commands ask of assemble, which belongs to the commands' other side."""
    made = []
    monkeypatch.setattr(assemble, "serve", lambda settings: made.append(settings) or 0)
    monkeypatch.setattr(assemble, "migrate", lambda settings: made.append(settings) or 0)
    monkeypatch.setattr(
        assemble, "fsck", lambda settings, *, repair, as_json: made.append((settings, repair, as_json)) or 1
    )
    return made


@pytest.mark.parametrize(
    "arguments", [["serve", "--port", "81"], ["-port", "81"], ["migrate", "--port", "81"]]
)
def test_commands_hand_over_the_settings(calls, arguments, _quiet_log):
    assert main(arguments) == 0
    assert calls[0].server.port == 81


def test_without_any_argument_we_serve(calls):
    assert main([]) == 0
    assert calls == [Settings()]


@pytest.mark.parametrize(
    ("flags", "repair", "as_json"), [([], False, False), (["-repair", "--json"], True, True)]
)
def test_fsck_passes_its_options_and_its_exit_code(calls, flags, repair, as_json, _quiet_log):
    assert main(["fsck", *flags]) == 1
    assert calls == [(Settings(), repair, as_json)]


@pytest.fixture
def _quiet_log(monkeypatch):
    """Commands configure this process's logging; the test's own must not notice."""
    monkeypatch.setattr("tusd_py.log.configure", lambda *_arguments, **_options: None)


def ending(monkeypatch, failure, *arguments):
    def fail(_settings):
        raise failure

    monkeypatch.setattr(assemble, "serve", fail)
    return main(["serve", *arguments])


def test_a_refusal_is_told_with_its_hint(monkeypatch, capsys):
    refusal = Refused("port 80 is taken by nginx, wanted a free one", hint="--port 8081")
    assert ending(monkeypatch, refusal) == 1
    assert (
        capsys.readouterr().err == "error: port 80 is taken by nginx, wanted a free one\nhint: --port 8081\n"
    )


def test_an_interrupt_ends_with_130(monkeypatch, capsys):
    assert ending(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == ""


def test_an_unexpected_failure_shows_no_traceback(monkeypatch, capsys):
    assert ending(monkeypatch, ValueError("bad\x1b thing at postgresql://u:geheim@h/")) == 1
    told = capsys.readouterr().err
    assert told == (
        "error: unexpected failure: ValueError: bad\\x1b thing at postgresql://u:***@h/\n"
        "hint: --debug shows where it happened\n"
    )


def test_debug_shows_the_traceback(monkeypatch):
    with pytest.raises(ValueError, match="bad"):
        ending(monkeypatch, ValueError("bad"), "--debug")
