"""The mistakes that people make in a configuration file, and what they are told."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import Run


@dataclass(frozen=True, kw_only=True)
class Mistake:
    toml: str
    line: int
    column: int
    carets: int
    what: str
    found: str
    wanted: str
    hint: str = ""


MISTAKES = {
    "unknown section": Mistake(
        toml="[server]\nport = 80\n\n[storrage]\nupload_dir = 'x'\n",
        line=4,
        column=2,
        carets=8,
        what="[storrage] is not a section",
        found="storrage",
        wanted="one of `server`, `storage`, `s3`",
        hint="did you mean [storage]?",
    ),
    "unknown key": Mistake(
        toml="# mine\n[server]\nprot = 80\n",
        line=3,
        column=1,
        carets=4,
        what="server.prot is not a setting",
        found="prot",
        wanted="one of `host`, `port`",
        hint="did you mean `port`?",
    ),
    "key of another section": Mistake(
        toml="[server]\nupload_dir = 'x'\n",
        line=2,
        column=1,
        carets=10,
        what="server.upload_dir is not a setting",
        found="upload_dir",
        wanted="one of `host`",
        hint="`upload_dir` belongs under [storage]",
    ),
    "key outside any section": Mistake(
        toml="port = 80\n",
        line=1,
        column=1,
        carets=4,
        what="port stands outside any section",
        found="port",
        wanted="one of `server`",
        hint="did you mean `port` under [server]?",
    ),
    "wrong type": Mistake(
        toml="[server]\nport   =   '80'  # web\n",
        line=2,
        column=12,
        carets=4,
        what="server.port has a value that cannot be read",
        found='the text "80"',
        wanted="a whole number",
        hint="write it without quotes: 80",
    ),
    "bad size": Mistake(
        toml="uploads = { expiry = '1d', max_size = '64M' }\n",
        line=1,
        column=39,
        carets=5,
        what="uploads.max_size has a value that cannot be read",
        found='the text "64M"',
        wanted='a size: a number of bytes, or a text such as "64MiB" or "5GB"',
        hint='write "64MiB" (1024) or "64MB" (1000)',
    ),
    "bad duration": Mistake(
        toml='timeouts.network = "30 sec"\n',
        line=1,
        column=20,
        carets=8,
        what="timeouts.network has a value that cannot be read",
        found='the text "30 sec"',
        wanted='a duration: a number of seconds, or a text such as "30s", "1h30m" or "7d"',
        hint="the units are w, d, h, m, s and ms, largest first",
    ),
    "port out of range": Mistake(
        toml="[server]\nport = 80_000\n",
        line=2,
        column=8,
        carets=6,
        what="server.port is out of range",
        found="80000",
        wanted="a port from 0 to 65535",
    ),
    "bad choice": Mistake(
        toml='[storage]\ndurability = "powr"\n',
        line=2,
        column=14,
        carets=6,
        what="storage.durability has a value that cannot be read",
        found='the text "powr"',
        wanted='"power" or "process"',
        hint='did you mean "power"?',
    ),
    "no TOML: text without quotes": Mistake(
        toml="[server]\nport = 1\nhost = localhost\n",
        line=3,
        column=8,
        carets=1,
        what="the configuration file is not TOML",
        found="Invalid value",
        wanted='texts in "quotes"',
        hint="write texts in quotes",
    ),
    "no TOML: quote left open": Mistake(
        toml='[server]\nhost = "localhost\nport = 1\n',
        line=2,
        column=18,
        carets=1,
        what="the configuration file is not TOML",
        found="Illegal character",
        wanted='texts in "quotes"',
        hint="a closing quote seems to be missing",
    ),
    "missing half of TLS": Mistake(
        toml='[server]\ntls_certificate = "/etc/ssl/chain.pem"\n',
        line=2,
        column=19,
        carets=20,
        what="server.tls_certificate needs server.tls_key",
        found="tls_certificate without tls_key",
        wanted="both for HTTPS, or none for HTTP",
        hint='write tls_key = "/path/of/the/key.pem" beside it',
    ),
    "bad network": Mistake(
        toml='[server]\ntrusted_proxies = [\n  "unix",\n  "10.1.2.3/8", # ours\n]\n',
        line=4,
        column=3,
        carets=12,
        what="server.trusted_proxies holds something that is no network",
        found='"10.1.2.3/8"',
        wanted='networks such as "10.0.0.0/8"',
        hint='write "10.0.0.0/8", which has no bits set below the mask',
    ),
    "open to the world": Mistake(
        toml='[server]\nhost = "0.0.0.0"\n',
        line=2,
        column=8,
        carets=9,
        what="server.host lets others in, but access.auth does not say so",
        found='host = "0.0.0.0" without access.auth',
        wanted='auth = "none" under [access]',
        hint='write [access] auth = "none", or pass --auth none, or set TUSD_PY_ACCESS__AUTH=none',
    ),
    "secret's file is not there": Mistake(
        toml='[database]\nurl_file = "/nowhere/dsn"\n',
        line=2,
        column=12,
        carets=14,
        what="database.url_file names a file that cannot be used",
        found="/nowhere/dsn: No such file or directory",
        wanted="a readable text file",
    ),
    "template that collides": Mistake(
        toml='[storage]\nkey_template = "{user_id}/{filename}"\n',
        line=2,
        column=16,
        carets=22,
        what="storage.key_template names something unknown",
        found="{filename}",
        wanted="{tenant}, {user_id}",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_pointed_at(run: Run, tmp_path: Path, mistake: Mistake) -> None:
    (tmp_path / "mine.toml").write_text(mistake.toml, "utf-8")
    outcome = run("check-config", "--config", "mine.toml")
    assert outcome.returncode == 2
    assert outcome.stdout == ""
    lines = outcome.stderr.rstrip("\n").split("\n")
    assert lines[0] == f"error: {mistake.what}"
    assert lines[1].strip() == f"--> mine.toml:{mistake.line}:{mistake.column}"
    source, carets = lines[3].split(" | ", 1)[1], lines[4].split(" | ", 1)[1]
    assert source == mistake.toml.split("\n")[mistake.line - 1]
    assert carets == " " * (mistake.column - 1) + "^" * mistake.carets
    labelled = dict(line.split(": ", 1) for line in lines[5:])
    assert mistake.found in labelled["found"]
    assert mistake.wanted in labelled["wanted"]
    if mistake.hint:
        assert labelled["hint"] == mistake.hint


def test_a_file_that_is_not_there_is_named(run: Run) -> None:
    outcome = run("check-config", "--config", "nowhere.toml")
    assert outcome.returncode == 2
    assert outcome.stderr == (
        "error: the configuration file cannot be read\n"
        " --> nowhere.toml\n"
        "found: No such file or directory\n"
        "wanted: a readable TOML file in UTF-8\n"
    )


def test_a_file_that_may_not_be_read_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tusd.toml").write_text("")
    (tmp_path / "tusd.toml").chmod(0)
    outcome = run("check-config")
    assert outcome.returncode == 2
    assert "found: Permission denied" in outcome.stderr


def test_a_folder_instead_of_a_file_is_named(run: Run, tmp_path: Path) -> None:
    outcome = run("check-config", TUSD_PY_CONFIG=str(tmp_path))
    assert outcome.returncode == 2
    assert "found: Is a directory" in outcome.stderr


def test_a_bad_variable_is_named(run: Run) -> None:
    outcome = run("check-config", TUSD_PY_SERVER__PORT="http")
    assert outcome.returncode == 2
    assert outcome.stderr == (
        "error: server.port has a value that cannot be read\n"
        " --> environment variable TUSD_PY_SERVER__PORT\n"
        'found: "http"\n'
        "wanted: a whole number\n"
    )


@pytest.mark.parametrize("command", ["serve", "migrate", "fsck", "check-config"])
def test_every_command_refuses_a_bad_setting_before_it_begins(run: Run, tmp_path: Path, command: str) -> None:
    outcome = run(command, "-port=http")
    assert outcome.returncode == 2
    assert " --> flag --port\n" in outcome.stderr
    assert list(tmp_path.iterdir()) == []
