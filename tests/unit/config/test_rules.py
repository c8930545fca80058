"""What values must be like, one table of good and bad ones per setting."""

import pytest

from tusd_py.config import ConfigErrors, Loaded, load
from tusd_py.config.key_template import PLACEHOLDERS
from tusd_py.config.keys import keys
from tusd_py.config.rules import RULES

GOOD: dict[str, list[object]] = {
    "server.host": ["127.0.0.1", "::1", "localhost"],
    "server.port": [0, 1, 65535],
    "server.base_path": ["/", "/files/", "/a/b-c_d.e/"],
    "server.public_url": ["", "https://u.example.org", "http://[::1]:8080/sub/path", "https://h:443"],
    "server.trusted_proxies": [["unix"], ["10.0.0.0/8", "fd00::/8", "192.0.2.7"]],
    "server.allowed_hosts": [["uploads.example.org", "::1", "localhost"]],
    "storage.key_template": [
        "{file_id}",
        "{tenant}/{user_id}/{file_id}",
        "up-{yyyy}_{mm}.{dd}/{upload_id}/{file_id}",
    ],
    "storage.sweep_interval": [0, "0s", "1h"],
    "storage.dir_perms": [0o700, "0750", "777"],
    "storage.file_perms": [0o600, "0640"],
    "database.url": [
        "",
        "sqlite:///x.db",
        "sqlite:////var/x.db",
        "postgresql://u@h/n",
        "postgres:///n?host=/run",
    ],
    "cors.allow_origin": [".*", r"https://(.*\.)?example\.org"],
    "cors.allow_headers": [["X-One", "x_two"]],
    "metrics.metrics_path": ["/metrics", "/a/b"],
    "limits.header_field": ["8KiB"],
}
BAD: dict[str, list[object]] = {
    "server.host": ["", "[::1]", "127.0.0.1:80", "a b", "http://x", "host\n", "ü"],
    "server.port": [-1, 65536, True, 1.0, "80"],
    "server.base_path": [
        "",
        "files/",
        "/a//b/",
        "/../",
        "/a/./b/",
        "/a?b/",
        "/a b/",
        "/%41/",
        "/file/",
        "/api/v1/",
    ],
    "server.public_url": [
        "example.org",
        "ftp://h",
        "https://",
        "https://u:p@h",
        "https://h/?q",
        "https://h:99999",
        "https://h h",
        "https://[1:2]",
        "https://[127.0.0.1]:80/",
    ],
    "server.trusted_proxies": ["10.0.0.0/8", ["10.0.0.1/8"], ["10.0.0.0/33"], ["proxy.example"], [""], [1]],
    "server.allowed_hosts": [["https://x"], ["x:80"], ["a/b"], [""]],
    "server.workers": [0, -1, 513],
    "server.unix_sock": ["/" + "x" * 107, "a\0b"],
    "storage.upload_dir": ["", " ", "a\nb", "a\0b"],
    "storage.disk_threads": [0, -1],
    "storage.sweep_interval": [-1, "-1s"],
    "uploads.reap_interval": [0, "0s"],
    "storage.sync_interval": [0, -1, "0s", float("nan"), float("inf")],
    "storage.preallocate": [-1],
    "storage.key_template": [
        "",
        "x",
        "{file_id}/x",
        "x{file_id}",
        "/{file_id}",
        "../{file_id}",
        "a/../{file_id}",
        "a//{file_id}",
        "./{file_id}",
        ".tusd/{file_id}",
        "{nobody}/{file_id}",
        "{}/{file_id}",
        "{user_id!r}/{file_id}",
        "{user_id.x}/{file_id}",
        "a~b/{file_id}",
        "a\\b/{file_id}",
        "{user_id/{file_id}",
        "a./{file_id}",
        "a /{file_id}",
    ],
    "storage.dir_perms": [750, 0, 0o600, 0o1777, -1, "rwx"],
    "storage.file_perms": [640, 0o400],
    "database.url": [
        "x",
        "sqlite://",
        "sqlite:///",
        "sqlite://x.db",
        "postgresql://",
        "mysql://h/n",
        "postgresql+asyncpg://h/n",
    ],
    "database.listen_url": ["x", "sqlite:///x", "postgresql://"],
    "database.notify": ["", "redis"],
    "uploads.checkpoint_bytes": [0],
    "uploads.max_size": [-1, 1.5, True],
    "timeouts.network": [0, "0"],
    "limits.header_field": [0, 1023],
    "cors.allow_origin": ["*", "("],
    "cors.allow_headers": [["X One"], [""]],
    "metrics.metrics_path": ["", "metrics", "/a b", "/../x"],
    "log.level": ["INFO", "", 3],
    "access.auth": ["basic", "key,key", ["key", "basic"], 3],
    "access.cache": [-1, 301],
    "access.cookie": ["a b"],
    "access.ticket_expiry": [0, 301],
    "access.jwt_secret": ["x" * 31],
    "access.jwks_url": [
        "http://issuer.example/keys",
        "issuer.example",
        "https://u@h/",
        "ftp://h/",
        "https://[1:2]/",
    ],
    "access.jwks_patience": [0],
    "access.jwt_subject": [""],
    "access.jwt_default_scopes": ["admin"],
    "access.forward_url": ["auth", "https://h/?q", "https://[1:2]/"],
    "s3.s3_endpoint": ["store", "https://[1:2]"],
    "hooks.http": ["ftp://h/", "https://[1:2]/", "https://[::1"],
    "access.forward_headers": [["a b"]],
    "access.forward_subject": [""],
}


JWT: dict[str, object] = {
    "access.auth": "jwt",
    "access.jwt_issuer": "https://issuer.example",
    "access.jwt_audience": ["us"],
}
SHARED: dict[str, object] = {"storage.shared": True, "database.url": "postgresql://h/n"}


def judge(dotted: str, value: object) -> Loaded:
    return load(config_path=None, environ={}, flags={dotted: value})


@pytest.mark.parametrize(
    ("dotted", "value"), [(key, value) for key, values in GOOD.items() for value in values]
)
def test_good_values_pass(dotted: str, value: object) -> None:
    judge(dotted, value)


@pytest.mark.parametrize(
    ("dotted", "value"), [(key, value) for key, values in BAD.items() for value in values]
)
def test_bad_values_are_refused_with_what_was_wanted(dotted: str, value: object) -> None:
    with pytest.raises(ConfigErrors) as wrong:
        judge(dotted, value)
    problem = wrong.value.problems[0]
    assert problem.what.startswith(dotted)
    assert problem.found
    assert problem.wanted


def test_rules_are_about_settings_that_exist() -> None:
    assert set(RULES) <= set(keys())


@pytest.mark.parametrize("name", [*PLACEHOLDERS])
def test_every_placeholder_may_be_used(name: str) -> None:
    judge("storage.key_template", f"{{{name}}}/{{file_id}}")


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        ({"server.host": "192.0.2.1"}, "server.host lets others in, but access.auth does not say so"),
        (
            {"server.host": "uploads.example.org"},
            "server.host lets others in, but access.auth does not say so",
        ),
        ({"server.host": "::"}, "server.host lets others in, but access.auth does not say so"),
        ({"server.tls_certificate": "c"}, "server.tls_certificate needs server.tls_key"),
        ({"server.tls_key": "k"}, "server.tls_key needs server.tls_certificate"),
        (
            {"server.unix_sock": "s", "server.host": "127.0.0.1"},
            "server.host cannot be joined with server.unix_sock",
        ),
        ({"server.unix_sock": "s", "server.port": 80}, "server.port cannot be joined with server.unix_sock"),
        ({"storage.backend": "memory", "server.workers": 2}, "storage.backend cannot be shared"),
        ({"storage.shared": True}, "storage.shared needs Postgres"),
        ({"rates.exchange_interval": 0.5}, "rates.exchange_interval needs Postgres"),
        ({**SHARED, "storage.backend": "memory"}, "storage.shared is about files"),
        (
            {**SHARED, "storage.durability": "process"},
            "storage.durability cannot be joined with storage.shared",
        ),
        ({"s3.s3_bucket": "uploads"}, "s3.s3_bucket is not used"),
        ({"s3.s3_bucket": "uploads", "storage.backend": "filesystem"}, "s3.s3_bucket is not used"),
        ({"s3.s3_direct": True}, "s3.s3_direct is not used"),
        (
            {
                "s3.s3_direct": True,
                "s3.s3_bucket": "uploads",
                "storage.backend": "s3",
                "uploads.disable_multipart": True,
            },
            "s3.s3_direct needs uploads in parts",
        ),
        ({"hooks.http": "http://h/", "hooks.enabled_events": []}, "hooks.enabled_events is empty"),
        ({"hooks.dir": "/hooks", "hooks.enabled_events": []}, "hooks.enabled_events is empty"),
        ({"metrics.port": 8080}, "metrics.port is taken by server.port"),
        ({"uploads.max_metadata": "1MiB"}, "uploads.max_metadata can never be reached"),
        ({"access.auth": "none,key"}, 'access.auth cannot join "none" with others'),
        ({"access.auth": "jwt", "access.jwt_audience": ["a"]}, "access.jwt_issuer is missing"),
        ({"access.auth": "jwt", "access.jwt_issuer": "https://i"}, "access.jwt_audience is missing"),
        (
            {**JWT, "access.jwks_url": "https://i/keys", "access.jwt_secret": "x" * 32},
            "access.jwks_url cannot be joined with access.jwt_keys and access.jwt_secret",
        ),
        (
            {**JWT, "access.jwt_issuer": "me"},
            "access.jwt_issuer is no OpenID provider that could be asked for keys",
        ),
        (
            {**JWT, "access.jwt_issuer": "http://issuer.example"},
            "access.jwt_issuer is no OpenID provider that could be asked for keys",
        ),
        (
            {**JWT, "access.jwt_issuer": "https://[me"},
            "access.jwt_issuer is no OpenID provider that could be asked for keys",
        ),
        (
            {
                **JWT,
                "access.jwt_secret": "x" * 32,
                "access.jwt_issuer": "https://[me",
                "access.oidc_client_id": "page",
            },
            "access.jwt_issuer is no OpenID provider that people could sign in at",
        ),
        ({"access.auth": "forward"}, "access.forward_url is missing"),
        ({"access.cookie": "session"}, "access.cookie is about visitors who say who they are"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(flags: dict[str, object], what: str) -> None:
    with pytest.raises(ConfigErrors) as wrong:
        load(config_path=None, environ={}, flags=flags)
    assert [problem.what for problem in wrong.value.problems] == [what]


@pytest.mark.parametrize(
    "flags",
    [
        {"server.host": "0.0.0.0", "access.auth": "none"},
        {"server.host": "0.0.0.0", "access.auth": ["key", "forward"], "access.forward_url": "http://auth/"},
        JWT,
        {**JWT, "access.jwt_issuer": "http://localhost:7"},
        {**JWT, "access.jwt_issuer": "me", "access.jwt_keys": ["key.pem"], "access.jwt_secret": "x" * 32},
        {"server.host": "127.8.8.8"},
        {"server.host": "::1"},
        {"server.tls_certificate": "c", "server.tls_key": "k"},
        {"server.unix_sock": "s"},
        {"s3.s3_bucket": "uploads", "storage.backend": "s3"},
        {"hooks.enabled_events": []},
        {"metrics.port": 8080, "metrics.expose_metrics": False},
        {"metrics.port": 0, "server.port": 0},
        SHARED,
    ],
)
def test_settings_that_go_together_pass(flags: dict[str, object]) -> None:
    load(config_path=None, environ={}, flags=flags)


def test_credentials_for_every_origin_are_doubted() -> None:
    loaded = load(config_path=None, environ={}, flags={"cors.allow_credentials": True})
    assert "every web page" in loaded.warnings[0]


def test_a_unix_socket_is_a_proxy_and_no_network() -> None:
    complaint = RULES["webhooks.allow_networks"](("10.0.0.0/8", "unix"))
    assert complaint is not None
    assert (complaint.found, complaint.item) == ('"unix"', 1)
    assert "unix" not in complaint.wanted
    assert RULES["server.trusted_proxies"](("10.0.0.0/8", "unix")) is None
