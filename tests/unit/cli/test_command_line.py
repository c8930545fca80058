"""Flags: tusd's and ours, in both ways of writing."""

import re
from pathlib import Path

import pytest

from tusd_py.cli.arguments import normalised
from tusd_py.cli.entry import main
from tusd_py.cli.tusd_flags import GROUPS, MEANING, WITHOUT_EFFECT, why_unsupported
from tusd_py.config.keys import keys

TUSD_TEXT = """
host port unix-sock base-path behind-proxy enable-h2c tls-certificate tls-key tls-mode
enable-experimental-protocol disable-download disable-termination disable-concatenation max-size
disable-cors cors-allow-origin cors-allow-credentials cors-allow-methods cors-allow-headers cors-max-age
cors-expose-headers upload-dir filelock-holder-poll-interval filelock-acquirer-poll-interval dir-perms
file-perms s3-bucket s3-object-prefix s3-endpoint s3-part-size s3-min-part-size s3-max-buffered-parts
s3-disable-content-hashes s3-disable-ssl s3-concurrent-part-uploads s3-transfer-acceleration
s3-log-api-calls gcs-bucket gcs-object-prefix gcs-endpoint azure-storage azure-container-access-type
azure-blob-access-tier azure-object-prefix azure-endpoint hooks-enabled-events progress-hooks-interval
hooks-dir hooks-http hooks-http-forward-headers hooks-http-retry hooks-http-backoff hooks-http-timeout
hooks-http-size-limit hooks-http-skip-verify hooks-grpc hooks-grpc-retry hooks-plugin expose-metrics
metrics-path expose-pprof pprof-path show-greeting version verbose show-startup-logs log-format
network-timeout shutdown-timeout acquire-lock-timeout request-completion-timeout
"""
TUSD = TUSD_TEXT.split()
"""The flags of tusd 2.10."""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "TUSD_PY_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def effective(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, tuple[str, str]]:
    """What check-config says is in force and does not come from the defaults, by dotted name."""
    assert main(["check-config", *arguments]) == 0
    return overridden(capsys.readouterr().out)


def overridden(report: str) -> dict[str, tuple[str, str]]:
    found, section = {}, ""
    for line in report.split("\n"):
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = header[1]
        elif setting := re.fullmatch(r"(\w+) = (.*)  # (.*)", line):
            found[f"{section}.{setting[1]}"] = (setting[2], setting[3])
    assert set(found) == set(keys())
    return {name: value for name, value in found.items() if value[1] != "default"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([], ["serve"]),
        (["-port", "80"], ["serve", "--port", "80"]),
        (["-port=80", "--host", "x"], ["serve", "--port=80", "--host", "x"]),
        (["serve", "-s3-bucket", "b"], ["serve", "--s3-bucket", "b"]),
        (["serve", "-disable-download=false"], ["serve", "--disable-download=false"]),
        (["serve", "--set", "a.b=-x", "-h"], ["serve", "--set", "a.b=-x", "-h"]),
        (["serve", "--", "-port"], ["serve", "--", "-port"]),
        (["serve", "--port", "-1"], ["serve", "--port", "-1"]),
        (["-h"], ["-h"]),
        (["-version"], ["--version"]),
        (["fsck", "-repair"], ["fsck", "--repair"]),
    ],
)
def test_one_dash_is_as_good_as_two(given: list[str], wanted: list[str]) -> None:
    assert normalised(given) == wanted


@pytest.mark.parametrize(
    "spelling", [["-port", "81"], ["-port=81"], ["--port", "81"], ["--port=81"], ["--set", "server.port=81"]]
)
def test_a_setting_may_be_written_in_many_ways(
    capsys: pytest.CaptureFixture[str], spelling: list[str]
) -> None:
    assert effective(capsys, *spelling)["server.port"][0] == "81"


def test_the_last_flag_wins(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--set", "server.port=1", "-port=2", "--set=server.port=3"]
    assert effective(capsys, *flags)["server.port"] == ("3", "flag --set server.port")
    assert effective(capsys, *flags, "-port=4")["server.port"] == ("4", "flag --port")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("-disable-download", "true"),
        ("--disable-download=true", "true"),
        ("-disable-download=false", "false"),
    ],
)
def test_switches_are_written_as_in_go(capsys: pytest.CaptureFixture[str], flag: str, value: str) -> None:
    assert effective(capsys, flag)["uploads.disable_download"][0] == value


def test_tusds_switches_are_translated(capsys: pytest.CaptureFixture[str]) -> None:
    found = effective(capsys, "-behind-proxy", "-verbose=false", "-expose-metrics=false", "-disable-cors")
    assert found == {
        "server.trusted_proxies": ('["127.0.0.0/8", "::1/128", "unix"]', "flag --behind-proxy"),
        "log.level": ('"warning"', "flag --verbose"),
        "metrics.expose_metrics": ("false", "flag --expose-metrics"),
        "cors.disable": ("true", "flag --disable-cors"),
    }


@pytest.mark.parametrize("name", TUSD)
def test_every_flag_of_tusd_is_taken_or_refused_with_a_reason(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    ours = (
        {flag for group in GROUPS for flag in group.flags} | set(MEANING) | set(WITHOUT_EFFECT) | {"version"}
    )
    if name in ours:
        assert not why_unsupported(name)
        return
    assert main([f"-{name}", "value"]) == 2
    assert capsys.readouterr().err.startswith(f"error: tusd's -{name} is not supported: ")


def test_flags_point_at_settings_that_exist() -> None:
    assert {setting for group in GROUPS for setting in group.flags.values()} <= set(keys())
    assert {setting for setting, _ in MEANING.values()} <= set(keys())


def test_a_flag_without_effect_is_taken_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "-show-startup-logs=false"]) == 0
    assert "--show-startup-logs has no effect" in capsys.readouterr().err


def test_an_unsupported_switch_may_be_switched_off(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "-disable-concatenation=false", "-enable-h2c=false"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--prot", "80"], "error: --prot is no option of tusd-py serve\nhint: did you mean --port?\n"),
        (["-uplod-dir=x"], "hint: did you mean --upload-dir?"),
        (["--port"], "error: --port: expected one argument\n"),
        (["srve"], "hint: did you mean serve?"),
        (["serve", "now"], "error: an argument too many\nfound: now\n"),
        (["--port", "80", "check-config"], "hint: write tusd-py check-config first"),
        (["--set", "server.port"], "wants section.key=value"),
        (["--set", "server.prot=1"], " --> flag --set server.prot\nfound: server.prot\n"),
        (["--behind-proxy=maybe"], "--behind-proxy wants true or false, found 'maybe'"),
        (["--upload"], "error: --upload is no option"),
        (["--disable-download=maybe"], " --> flag --disable-download\n"),
        (["--workers", "99999999"], "found: 99999999\n"),
        ([""], "error: '' is no command of tusd-py\n"),
        (["events"], "arguments are required: tail|export\nhint: tusd-py events --help\n"),
        (["events", "ls"], "invalid choice: 'ls' (choose from "),
        (["key", "make"], "invalid choice: 'make' (choose from "),
        (["events", "tail", "--folow"], "hint: did you mean --follow?\n"),
        (["quarantine", "list", "--findng", "x"], "hint: did you mean --finding?\n"),
        (["version", "--config"], "--config is no option of tusd-py version\nhint: tusd-py version --help"),
        (["events", "tail", "-n", "-3"], "-n: found '-3', wanted a number from 0 to 1000000\n"),
        (["events", "tail", "-n", "9" * 20], "wanted a number from 0 to 1000000\n"),
        (["ls", "--owner", "\udcff"], "error: an argument is no text\nfound: '\\udcff'\nwanted: UTF-8\n"),
        (["key", "revoke", "\udcff"], "error: an argument is no text\n"),
        (["events", "tail", "--kind", "\udcff"], "error: an argument is no text\n"),
        (["events", "tail", "--from", "yesterday"], "--from is 'yesterday', wanted a time such as "),
        (["ls", "..."], "error: ls is asked for '...', wanted a letter or a digit in it\n"),
        (["key", "create", "--subject", "anonymous"], "error: --subject is 'anonymous', which stands for "),
    ],
)
def test_a_bad_command_line_is_explained(
    capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert text in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    "command", ["key list", "key ls", "links list", "webhooks list", "quarantine ls", "signing-keys ls"]
)
def test_ls_and_list_are_one_word(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str) -> None:
    assert main(["migrate", "--upload-dir", str(tmp_path)]) == 0
    assert main([*command.split(), "--upload-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


def test_what_stands_before_an_unknown_flag_is_not_blamed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["webhooks", "redeliver", "--set", "server.port=80", "17", "--al"]) == 2
    assert capsys.readouterr().err.splitlines()[0] == "error: --al is no option of tusd-py webhooks"


def test_all_unknown_flags_are_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--prot", "80", "-hooks-grpc", "x:1", "--hots=a"]) == 2
    told = capsys.readouterr().err
    assert [line for line in told.split("\n") if line.startswith("error")] == [
        "error: --prot is no option of tusd-py serve",
        "error: tusd's -hooks-grpc is not supported: gRPC is not part of this version; use hooks-http",
        "error: --hots is no option of tusd-py serve",
    ]
