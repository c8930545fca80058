"""tusd's flags: what each is to us, so that a command line written for tusd works or says why not.

Belongs here: the tables. Not here: parsing (parser.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Flags that belong together in `--help`, each with the setting it stands for."""

    title: str
    flags: Mapping[str, str]


GROUPS = (
    Group(
        title="listening",
        flags={
            "host": "server.host",
            "port": "server.port",
            "unix-sock": "server.unix_sock",
            "base-path": "server.base_path",
            "public-url": "server.public_url",
            "trusted-proxies": "server.trusted_proxies",
            "allowed-hosts": "server.allowed_hosts",
            "auth": "access.auth",
            "workers": "server.workers",
            "event-loop": "server.event_loop",
            "tls-certificate": "server.tls_certificate",
            "tls-key": "server.tls_key",
            "tls-mode": "server.tls_mode",
        },
    ),
    Group(
        title="storage",
        flags={
            "upload-dir": "storage.upload_dir",
            "backend": "storage.backend",
            "durability": "storage.durability",
            "key-template": "storage.key_template",
            "dir-perms": "storage.dir_perms",
            "file-perms": "storage.file_perms",
            "database-url": "database.url",
        },
    ),
    Group(
        title="S3",
        flags={
            "s3-bucket": "s3.s3_bucket",
            "s3-object-prefix": "s3.s3_object_prefix",
            "s3-endpoint": "s3.s3_endpoint",
            "s3-provider": "s3.s3_provider",
            "s3-part-size": "s3.s3_part_size",
            "s3-min-part-size": "s3.s3_min_part_size",
            "s3-max-buffered-parts": "s3.s3_max_buffered_parts",
            "s3-concurrent-part-uploads": "s3.s3_concurrent_part_uploads",
            "s3-disable-content-hashes": "s3.s3_disable_content_hashes",
        },
    ),
    Group(
        title="uploads",
        flags={
            "max-size": "uploads.max_size",
            "expiry": "uploads.expiry",
            "disable-download": "uploads.disable_download",
            "disable-concatenation": "uploads.disable_concatenation",
            "enable-experimental-protocol": "uploads.enable_experimental_protocol",
            "disable-termination": "uploads.disable_termination",
        },
    ),
    Group(
        title="CORS",
        flags={
            "disable-cors": "cors.disable",
            "cors-allow-origin": "cors.allow_origin",
            "cors-allow-credentials": "cors.allow_credentials",
            "cors-allow-methods": "cors.allow_methods",
            "cors-allow-headers": "cors.allow_headers",
            "cors-expose-headers": "cors.expose_headers",
            "cors-max-age": "cors.max_age",
        },
    ),
    Group(
        title="timeouts",
        flags={
            "network-timeout": "timeouts.network",
            "shutdown-timeout": "timeouts.shutdown",
            "acquire-lock-timeout": "timeouts.acquire_lock",
        },
    ),
    Group(
        title="hooks",
        flags={
            "hooks-http": "hooks.http",
            "hooks-http-forward-headers": "hooks.http_forward_headers",
            "hooks-http-retry": "hooks.http_retry",
            "hooks-http-backoff": "hooks.http_backoff",
            "hooks-http-timeout": "hooks.http_timeout",
            "hooks-http-size-limit": "hooks.http_size_limit",
            "hooks-http-skip-verify": "hooks.http_skip_verify",
            "hooks-dir": "hooks.dir",
            "hooks-enabled-events": "hooks.enabled_events",
            "progress-hooks-interval": "hooks.progress_interval",
        },
    ),
    Group(
        title="metrics and logs",
        flags={
            "expose-metrics": "metrics.expose_metrics",
            "metrics-host": "metrics.host",
            "metrics-port": "metrics.port",
            "metrics-path": "metrics.metrics_path",
            "log-format": "log.format",
            "log-level": "log.level",
            "show-greeting": "log.show_greeting",
        },
    ),
)
"""Names are tusd's where tusd has the flag."""

LOCAL_PROXIES = "127.0.0.0/8,::1/128,unix"
"""What `--behind-proxy` believes: tusd believes everybody, which lets clients write their own address."""

MEANING: Mapping[str, tuple[str, Mapping[bool, str]]] = {
    "behind-proxy": ("server.trusted_proxies", {True: LOCAL_PROXIES, False: ""}),
    "verbose": ("log.level", {True: "debug", False: "warning"}),
}
"""Switches of tusd that are a choice of values to us."""

WITHOUT_EFFECT: Mapping[str, str] = {
    "show-startup-logs": "the start is always logged; --log-level warning hides it",
    "filelock-holder-poll-interval": "nothing polls for locks: a waiting request wakes the writer",
    "filelock-acquirer-poll-interval": "nothing polls for locks: a waiting request wakes the writer",
    "request-completion-timeout": "what was received is always saved, however the request ended",
}
"""Flags of tusd that we take, warn about and forget, because nothing is lost by it."""

UNSUPPORTED: Mapping[str, str] = {
    "enable-h2c": "HTTP/2 without TLS ends at the proxy: let it speak HTTP/1.1 to tusd-py",
    "expose-pprof": "there is no Go profiler in Python",
    "s3-disable-ssl": "write --s3-endpoint http://..., which is without TLS",
    "s3-transfer-acceleration": "transfer acceleration is not part of this version",
    "s3-log-api-calls": "requests to the store are not logged one by one; failures are",
    "hooks-plugin": "plugins of Go cannot be loaded; use hooks-http, or an executable in hooks-dir",
}
"""Flags of tusd that we refuse, with the reason. Switches among them may be given as `=false`."""

UNSUPPORTED_FAMILIES: Mapping[str, str] = {
    "gcs-": "Google Cloud storage is not part of this version",
    "azure-": "Azure storage is not part of this version",
    "hooks-grpc": "gRPC is not part of this version; use hooks-http",
    "pprof-": "there is no Go profiler in Python",
}
"""The same by the beginning of the name."""


def why_unsupported(name: str) -> str:
    """The reason for refusing a flag of tusd; empty for a name that tusd does not have either."""
    if name in UNSUPPORTED:
        return UNSUPPORTED[name]
    return next((why for start, why in UNSUPPORTED_FAMILIES.items() if name.startswith(start)), "")
