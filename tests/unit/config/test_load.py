"""Layers, their order, and where a value came from."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tusd_py.config import ConfigErrors, Given, Layer, Loaded, Problem, Settings, load, validate
from tusd_py.config.keys import keys
from tusd_py.config.settings import Access, Server


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def loaded(
    toml: str = "", *, environ: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> Loaded:
    Path("given.toml").write_text(toml, "utf-8")
    return load(config_path=Path("given.toml"), environ=environ or {}, flags=flags or {})


def problems(
    toml: str = "", *, environ: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> tuple[Problem, ...]:
    with pytest.raises(ConfigErrors) as wrong:
        loaded(toml, environ=environ, flags=flags)
    return wrong.value.problems


def given_on(flag: str, text: str) -> Given:
    return Given(flag=flag, text=text)


def test_nothing_given_is_the_defaults() -> None:
    outcome = load(config_path=None, environ={}, flags={})
    assert outcome.settings == Settings()
    assert {origin.layer for origin in outcome.sources.values()} == {Layer.DEFAULT}
    assert outcome.path is None


def test_each_layer_overrides_the_one_below() -> None:
    toml = "[server]\nport = 1\nworkers = 2\nbase_path = '/a/'"
    environ = {"TUSD_PY_SERVER__PORT": "3", "TUSD_PY_SERVER__WORKERS": "4"}
    outcome = loaded(toml, environ=environ, flags={"server.port": given_on("--port", "5")})
    server = outcome.settings.server
    assert (server.base_path, server.workers, server.port) == ("/a/", 4, 5)
    assert str(outcome.sources["server.base_path"]) == "given.toml:4"
    assert str(outcome.sources["server.workers"]) == "environment variable TUSD_PY_SERVER__WORKERS"
    assert str(outcome.sources["server.port"]) == "flag --port"
    assert str(outcome.sources["server.host"]) == "default"


def test_flags_may_be_plain_values_for_programs() -> None:
    flags = {"server.port": 81, "cors.allow_methods": ("LINK",), "timeouts.network": "2m"}
    settings = load(config_path=None, environ={}, flags=flags).settings
    assert (settings.server.port, settings.cors.allow_methods, settings.timeouts.network) == (
        81,
        ("LINK",),
        120.0,
    )


def test_every_setting_is_reachable_through_every_layer() -> None:
    for key in keys().values():
        text = str(key.kind.to_toml(key.default))
        plain = text[1:-1] if text.startswith('"') else text
        by_file = loaded(f"[{key.section}]\n{key.name} = {text}").sources
        by_variable = load(config_path=None, environ={key.variable: plain}, flags={}).sources
        by_flag = load(config_path=None, environ={}, flags={key.dotted: given_on("--set", plain)}).sources
        layers = [by_file[key.dotted].layer, by_variable[key.dotted].layer, by_flag[key.dotted].layer]
        assert layers == [Layer.FILE, Layer.ENVIRONMENT, Layer.FLAG], key.dotted


@pytest.mark.parametrize("text", ["10.0.0.0/8, unix", '["10.0.0.0/8", "unix"]', "10.0.0.0/8,unix,"])
def test_lists_come_by_comma_or_as_json(text: str) -> None:
    settings = loaded(environ={"TUSD_PY_SERVER__TRUSTED_PROXIES": text}).settings
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "unix")


def test_an_empty_variable_empties_texts_and_lists_but_is_no_number() -> None:
    settings = loaded(
        "[server]\nunix_sock = 'x'\ntrusted_proxies = ['unix']",
        environ={"TUSD_PY_SERVER__UNIX_SOCK": "", "TUSD_PY_SERVER__TRUSTED_PROXIES": ""},
    ).settings
    assert (settings.server.unix_sock, settings.server.trusted_proxies) == ("", ())
    (problem,) = problems(environ={"TUSD_PY_SERVER__PORT": ""})
    assert problem.hint == "leave it out to keep the default"


def test_a_secret_is_read_from_a_file() -> None:
    Path("dsn").write_text("postgresql://u:geheim@h/db\n")
    by_key = loaded('[database]\nurl_file = "dsn"')
    by_variable = loaded(environ={"TUSD_PY_DATABASE__URL_FILE": "dsn"})
    by_flag = loaded(flags={"database.url_file": given_on("--set database.url_file", "dsn")})
    assert {outcome.settings.database.url for outcome in (by_key, by_variable, by_flag)} == {
        "postgresql://u:geheim@h/db"
    }


def test_any_variable_may_name_a_file() -> None:
    Path("host").write_text("::1\r\n")
    assert loaded(environ={"TUSD_PY_SERVER__HOST_FILE": "host"}).settings.server.host == "::1"


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\xff\xfe", b"x" * 70_000], ids=["empty", "blank", "binary", "huge"]
)
def test_a_file_that_holds_no_secret_is_refused(content: bytes) -> None:
    Path("dsn").write_bytes(content)
    (problem,) = problems('[database]\nurl_file = "dsn"')
    assert problem.what == "database.url_file names a file that cannot be used"
    assert problem.mark is not None
    assert (problem.mark.line, problem.mark.column) == (2, 12)


def test_a_secret_given_in_both_ways_is_refused() -> None:
    assert problems('[database]\nurl = "x"\nurl_file = "dsn"')[0].found == "both url and url_file"
    environ = {"TUSD_PY_DATABASE__URL": "", "TUSD_PY_DATABASE__URL_FILE": "dsn"}
    assert problems(environ=environ)[0].found == "both"


def test_a_secret_shows_up_in_no_complaint() -> None:
    with pytest.raises(ConfigErrors) as wrong:
        loaded(
            '[database]\nurl = "mysql://u:geheim@h"',
            environ={"TUSD_PY_DATABASE__URL": "geheim"},
            flags={"database.url": given_on("--set database.url", "geheim")},
        )
    assert len(wrong.value.problems) == 3
    assert "geheim" not in wrong.value.render()


@pytest.mark.parametrize(
    "line", ['url = "postgresql://u:geheim@h', "url = postgresql://u:geheim", 'url = "sqlite://u:geheim@h']
)
def test_a_secret_shows_up_in_no_syntax_error(line: str) -> None:
    with pytest.raises(ConfigErrors) as wrong:
        loaded(f"[database]\n{line}\n")
    assert "geheim" not in wrong.value.render()


@pytest.mark.parametrize(
    "toml",
    [
        '[storage]\ns3_secret_access_key = "geheim"',
        '[storage]\nurl = "geheim"',
        '[s3]\ns3_secret_acces_key = "geheim"',
        '[kafka]\npasswort = "geheim"',
        '[sss]\ns3_secret_access_key = "geheim"',
        'sss.s3_secret_access_key = "geheim"',
        's3 = { s3_secret_access_key = "geheim", prot = 1 }',
        's3 = { prot = 1, s3_secret_access_key = "geheim" }',
        's3_secret_access_key = "geheim"',
        '[database]\nurl = "geheim"\nurl_file = "x"',
        "[s3]\ns3_secret_access_key = geheim",
        '[s3]\ns3_secret_access_key = "geheim',
        "[s3]\ns3_secret_access_key = 'geheim\"",
        "[s3]\ns3_secret_access_key: geheim",
        "[database]\nurl = geheim",
        's3 = { s3_secret_access_key = "geheim }',
    ],
)
def test_what_may_be_a_secret_is_not_shown_where_its_key_or_the_file_is_wrong(toml: str) -> None:
    with pytest.raises(ConfigErrors) as wrong:
        loaded(toml)
    assert "geheim" not in wrong.value.render()


def test_a_secret_that_lacks_its_quotes_is_not_shown_with_them() -> None:
    (problem,) = problems("[s3]\ns3_secret_access_key = 4711")
    assert problem.hint == "write it in quotes"
    assert "4711" not in problem.render()


def test_an_unknown_variable_is_a_warning_with_a_hint() -> None:
    warnings = loaded(environ={"TUSD_PY_SERVER__PROT": "1", "TUSD_PY_DB_URI": "x", "TUSDPY": "x"}).warnings
    assert warnings == [
        "environment variable TUSD_PY_DB_URI is no setting of ours",
        "environment variable TUSD_PY_SERVER__PROT is no setting of ours, did you mean TUSD_PY_SERVER__PORT?",
    ]


def test_warnings_are_kept_when_there_are_errors_too() -> None:
    with pytest.raises(ConfigErrors) as wrong:
        loaded(environ={"TUSD_PY_SERVER__PROT": "1", "TUSD_PY_SERVER__PORT": "x"})
    assert len(wrong.value.warnings) == 1


def test_the_file_is_looked_for_in_order() -> None:
    Path("tusd.toml").write_text("[server]\nport = 1")
    Path("other.toml").write_text("[server]\nport = 2")
    Path("flag.toml").write_text("[server]\nport = 3")
    ports = [
        load(config_path=path, environ=environ, flags={}).settings.server.port
        for path, environ in [
            (None, {}),
            (None, {"TUSD_PY_CONFIG": "other.toml"}),
            (Path("flag.toml"), {"TUSD_PY_CONFIG": "other.toml"}),
        ]
    ]
    assert ports == [1, 2, 3]


def test_a_file_that_is_there_but_cannot_be_read_is_not_passed_by() -> None:
    Path("tusd.toml").mkdir()
    with pytest.raises(ConfigErrors, match="the configuration file cannot be read"):
        load(config_path=None, environ={}, flags={})


def test_a_byte_order_mark_and_windows_line_ends_are_no_problem() -> None:
    Path("given.toml").write_bytes(b"\xef\xbb\xbf[server]\r\nport = 99999\r\n")
    with pytest.raises(ConfigErrors) as wrong:
        load(config_path=Path("given.toml"), environ={}, flags={})
    mark = wrong.value.problems[0].mark
    assert mark is not None
    assert (mark.line, mark.column, mark.source) == (2, 8, "port = 99999")


def test_all_faults_of_all_layers_come_at_once() -> None:
    found = problems(
        "[server]\nport = -1\nprot = 2\ntls_key = 'k'\n[nowhere]\nx = 1",
        environ={"TUSD_PY_UPLOADS__MAX_SIZE": "big"},
        flags={"log.level": given_on("--log-level", "loud"), "log.levle": given_on("--set", "x")},
    )
    assert [problem.what for problem in found] == [
        "server.prot is not a setting",
        "[nowhere] is not a section",
        "log.levle is not a setting",
        "server.port is out of range",
        "uploads.max_size has a value that cannot be read",
        "log.level has a value that cannot be read",
        "server.tls_key needs server.tls_certificate",
    ]


@pytest.mark.parametrize(
    ("toml", "line", "what"),
    [
        ('[hooks]\nhttp.url = "x"', 2, "hooks.http has a value that cannot be read"),
        ("[server]\nhost = 'h'\nport.http = 1", 3, "server.port has a value that cannot be read"),
        ("[server]\n[server.tls_mode.x]", 2, "server.tls_mode has a value that cannot be read"),
        ("[server.tls_mode.x]\ny = 1", 1, "server.tls_mode has a value that cannot be read"),
        ("[[server.tls_mode]]\ny = 1", 1, "server.tls_mode has a value that cannot be read"),
    ],
)
def test_a_key_that_is_used_as_a_table_is_pointed_at(toml: str, line: int, what: str) -> None:
    problem = problems(toml)[0]
    assert problem.what == what
    assert problem.mark is not None
    assert problem.mark.line == line


@pytest.mark.parametrize("number", ["9" * 20, "9" * 400, f"-{'9' * 20}", f"0x{'f' * 5000}"])
@pytest.mark.parametrize("setting", ["quota.bytes", "server.port", "timeouts.network", "storage.dir_perms"])
def test_a_number_beyond_those_of_toml_is_refused(setting: str, number: str) -> None:
    section, _, name = setting.partition(".")
    (problem,) = problems(f"[{section}]\n{name} = {number}")
    assert problem.what == f"{setting} is a number that is too large"
    assert "bits" in problem.found


@pytest.mark.parametrize(
    "setting", ["server.host", "server.event_loop", "cors.disable", "hooks.enabled_events"]
)
def test_a_number_beyond_those_of_toml_is_refused_where_none_belongs(setting: str) -> None:
    section, _, name = setting.partition(".")
    (problem,) = problems(f"[{section}]\n{name} = 0x{'f' * 5000}")
    assert "bits" in problem.found


@pytest.mark.parametrize(
    ("toml", "found"),
    [
        (f"[server]\nport = {'9' * 5000}", "a number of thousands of digits"),
        (
            f"[server]\nport = {'[' * 5000}{']' * 5000}",
            "brackets in brackets in brackets, too deep to be read",
        ),
        (f"server = {'{a = ' * 2000}1{'}' * 2000}", "brackets in brackets in brackets, too deep to be read"),
    ],
    ids=["digits", "arrays", "tables"],
)
def test_a_file_that_cannot_be_parsed_is_no_crash(toml: str, found: str) -> None:
    (problem,) = problems(toml)
    assert (problem.what, problem.found) == ("the configuration file is not TOML", found)


def test_no_depth_of_brackets_is_a_crash() -> None:
    for depth in range(100, 1000, 10):
        assert len(problems(f"[server]\nport = {'[' * depth}{']' * depth}")) == 1


def test_bytes_that_are_no_utf_8_are_counted_in_a_path_and_refused_in_a_secret() -> None:
    path = os.fsdecode(b"/run/\xff.sock")
    assert loaded(environ={"TUSD_PY_SERVER__UNIX_SOCK": path}).settings.server.unix_sock == path
    (problem,) = problems(environ={"TUSD_PY_SERVER__UNIX_SOCK": "/" + os.fsdecode(b"\xff" * 107)})
    assert problem.found == "108 bytes"
    (problem,) = problems(environ={"TUSD_PY_ACCESS__JWT_SECRET": os.fsdecode(b"\xff" * 40)})
    assert problem.what == "access.jwt_secret is no text"


def test_a_fault_that_is_overridden_is_still_a_fault() -> None:
    assert problems("[server]\nport = -1", flags={"server.port": given_on("--port", "80")})


def test_what_involves_a_broken_setting_is_not_judged() -> None:
    # The host is not known, so nobody can say whether access.auth is needed.
    (problem,) = problems("[server]\nhost = 5")
    assert problem.hint == 'write it in quotes: "5"'


@pytest.mark.parametrize(
    ("toml", "key", "value"),
    [
        ("[server]\nbase_path = '/up'", "base_path", "/up/"),
        ("[server]\npublic_url = 'https://x.example/'", "public_url", "https://x.example"),
    ],
)
def test_slashes_at_the_end_are_put_right(toml: str, key: str, value: str) -> None:
    assert getattr(loaded(toml).settings.server, key) == value


def test_a_socket_in_a_higher_layer_wins_over_a_host_with_a_warning() -> None:
    outcome = loaded(
        environ={"TUSD_PY_SERVER__HOST": "0.0.0.0"},
        flags={"server.unix_sock": given_on("--unix-sock", "/run/t.sock")},
    )
    assert outcome.settings.server.unix_sock == "/run/t.sock"
    assert "is not used" in outcome.warnings[0]


def test_a_bucket_may_be_named_below_a_layer_that_wants_another_backend() -> None:
    toml = '[storage]\nbackend = "s3"\n[s3]\ns3_bucket = "uploads"'
    flags = {"storage.backend": given_on("--backend", "filesystem")}
    assert loaded(toml, flags=flags).settings.storage.backend == "filesystem"


def test_a_bucket_named_above_a_file_that_has_another_backend_is_not_passed_by() -> None:
    flags = {"s3.s3_bucket": given_on("--s3-bucket", "uploads")}
    (problem,) = problems('[storage]\nbackend = "filesystem"', flags=flags)
    assert (problem.what, problem.name) == ("s3.s3_bucket is not used", "flag --s3-bucket")
    assert "--backend s3" in problem.hint


def test_settings_made_by_a_program_are_held_to_the_same_rules() -> None:
    validate(Settings())
    validate(Settings(server=Server(host="0.0.0.0"), access=Access(auth=("none",))))
    with pytest.raises(ConfigErrors) as wrong:
        validate(Settings(server=Server(host="0.0.0.0", port=70_000, base_path="files")))
    assert [problem.what for problem in wrong.value.problems] == [
        "server.port is out of range",
        "server.base_path is no path",
        "server.host lets others in, but access.auth does not say so",
    ]
