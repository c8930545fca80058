"""What the value of a single setting must be like, beyond its type.

Belongs here: one rule per setting, as a table. Not here: rules over several settings (combinations.py).
"""

import os
import re
from collections.abc import Callable, Mapping

from .address_rules import (
    MOST_PORTS,
    complain_about_clamd_host,
    complain_about_host,
    complain_about_host_names,
    complain_about_networks,
    complain_about_proxies,
)
from .complaint import Complaint, first_of
from .event_rules import complain_about_endpoints, complain_about_kinds
from .file_rules import complain_about_extensions, complain_about_type_sizes, complain_about_types
from .key_template import complain_about_template
from .kinds import Value
from .overrides import complain_about_overrides
from .units import DAY, KIB, MIB
from .url_rules import (
    complain_about_database_url,
    complain_about_endpoint,
    complain_about_forward_url,
    complain_about_hook_url,
    complain_about_listen_url,
    complain_about_public_url,
    complain_about_secure_url,
)

Rule = Callable[[Value], Complaint | None]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
"""RFC 9110, 5.6.2."""
_URL_PATH = re.compile(r"/([A-Za-z0-9._~!$&'()*+,;=:@-]+/)*", re.ASCII)
"""Path segments of RFC 3986 without percent-escapes, so that one path has one spelling."""
OUR_PATHS = ("/file/", "/s/", "/api/", "/upload/", "/healthz/", "/readyz/")
"""Where our other routes live."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*/)+", re.ASCII)
MOST_WORKERS = 512
MOST_SCANS = 256
LARGEST_SCAN = 2**31 - 3
"""Bytes; clamd looks at nothing longer (libclamav/others.h, CLI_MAX_MAXFILESIZE)."""
SHORTEST_SECRET = 32
"""Bytes of a key for HS256."""
MOST_SOCKET_PATH = 107
"""Bytes; the kernel's sun_path has 108 with its NUL (unix(7))."""
_PUBLIC_BITS = 0o777
_TOO_MANY = (429, 503)
"""Statuses for whoever comes too often."""


def complain_about_text(text: str) -> Complaint | None:
    """For every text and list item: no control characters, which no path, name or URL needs."""
    if text.isprintable() or all(character.isprintable() for character in text if character.isascii()):
        return None
    return Complaint(what="holds a control character", found=repr(text), wanted="printable characters")


def _between(least: float, most: float, what: str) -> Rule:
    def rule(number: float) -> Complaint | None:
        if least <= number <= most:
            return None
        return Complaint(
            what="is out of range", found=f"{number:.15g}", wanted=f"{what} from {least} to {most}"
        )

    return rule


def _at_least(least: float, what: str) -> Rule:
    def rule(number: float) -> Complaint | None:
        if number >= least:
            return None
        return Complaint(what="is too small", found=f"{number:.15g}", wanted=f"{what}, {least:g} or more")

    return rule


_port = _between(0, MOST_PORTS, "a port")


def _status(status: int) -> Complaint | None:
    if status in _TOO_MANY:
        return None
    return Complaint(what="is not for this", found=str(status), wanted=" or ".join(map(str, _TOO_MANY)))


_size = _at_least(0, "a size")
_some_bytes = _at_least(1, "a size")
_some_time = _at_least(0.001, "a duration in seconds")
_count = _at_least(1, "a number")


def _unix_sock(path: str) -> Complaint | None:
    length = len(os.fsencode(path))
    if length <= MOST_SOCKET_PATH:
        return None
    return Complaint(
        what="is too long", found=f"{length} bytes", wanted=f"a path of at most {MOST_SOCKET_PATH} bytes"
    )


def _base_path(path: str) -> Complaint | None:
    wanted = 'a path that starts and ends with "/", such as "/files/", of unescaped URL characters'
    if not path.startswith("/") or not path.endswith("/"):
        hint = f'write "/{path.strip("/")}/"' if path.strip("/") else 'write "/"'
        return Complaint(what="is no path", found=f'"{path}"', wanted=wanted, hint=hint)
    if _URL_PATH.fullmatch(path) is None or "/./" in path or "/../" in path:
        return Complaint(what="is no plain path", found=f'"{path}"', wanted=wanted)
    if path.startswith(OUR_PATHS):
        return Complaint(
            what="is taken",
            found=f'"{path}"',
            wanted=f"a path outside {', '.join(OUR_PATHS)}, which are ours for other things",
        )
    return None


def _none_or_a_day(seconds: float) -> Complaint | None:
    """Shorter ones would take from other systems what they could not fetch over night."""
    return None if seconds == 0 else _at_least(DAY, "0, or a duration in seconds")(seconds)


def _tokens(names: tuple[str, ...]) -> Complaint | None:
    return first_of(names, _token)


def _token(name: str) -> Complaint | None:
    if _TOKEN.fullmatch(name):
        return None
    return Complaint(
        what="holds something that HTTP cannot name",
        found=f'"{name}"',
        wanted="one header or method name per item",
    )


def _named(pattern: str, what: str) -> Rule:
    def rule(text: str) -> Complaint | None:
        if re.fullmatch(pattern, text, re.ASCII):
            return None
        return Complaint(what="is no name there", found=f'"{text}"', wanted=what)

    return rule


_topic = _named(r"[A-Za-z0-9._-]{1,249}", "1 to 249 letters, digits, dots, hyphens and underscores")
_subject = _named(
    r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", "letters, digits, hyphens and underscores, dots between"
)
_stream = _named(r"[A-Za-z0-9_-]{1,255}", "letters, digits, hyphens and underscores")


def _pattern(pattern: str) -> Complaint | None:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as problem:
        return Complaint(
            what="is no regular expression",
            found=f'"{pattern}": {problem}',
            wanted="a regular expression as of Python's re",
            hint="for every origin write .*" if pattern == "*" else "",
        )
    return None


def _metrics_path(path: str) -> Complaint | None:
    if path.startswith("/") and _URL_PATH.fullmatch(path.rstrip("/") + "/") and ".." not in path:
        return None
    return Complaint(what="is no path", found=f'"{path}"', wanted='a path such as "/metrics"')


def _permissions(needed: int, who: str) -> Rule:
    def rule(mode: int) -> Complaint | None:
        if mode & needed == needed and not mode & ~_PUBLIC_BITS:
            return None
        return Complaint(
            what="is no usable mode",
            found=f"0o{mode:o}" if mode >= 0 else str(mode),
            wanted=f"three octal digits that give at least 0o{needed:o} ({who})",
            # TOML reads a bare 750 as a decimal number, which is 0o1356.
            hint=f'write 0o{mode} or "0{mode}"'
            if mode > _PUBLIC_BITS and re.fullmatch("[0-7]{3}", str(mode))
            else "",
        )

    return rule


def _not_empty(what: str) -> Rule:
    def rule(text: str) -> Complaint | None:
        return None if text.strip() else Complaint(what="is empty", found='""', wanted=what)

    return rule


def _bucket(name: str) -> Complaint | None:
    if not name or _BUCKET.fullmatch(name):
        return None
    return Complaint(
        what="is no bucket name",
        found=f'"{name}"',
        wanted="3 to 63 lower-case letters, digits, dots and hyphens",
    )


def _object_prefix(prefix: str) -> Complaint | None:
    if not prefix or (prefix.endswith("/") and _PREFIX.fullmatch(prefix)):
        return None
    return Complaint(
        what="is no prefix",
        found=f'"{prefix}"',
        wanted='folder names of letters, digits, "-", "_" and ".", each followed by a slash: "uploads/"',
        hint=f'write "{prefix.strip("/")}/"' if _PREFIX.fullmatch(prefix.strip("/") + "/") else "",
    )


def _cookie_name(name: str) -> Complaint | None:
    return _token(name) if name else None


def _header_name(name: str) -> Complaint | None:
    return _token(name) if name else Complaint(what="is empty", found='""', wanted="the name of a header")


def _secret_key(secret: str) -> Complaint | None:
    """RFC 7518, 3.2: as long as the digest."""
    try:
        length = len(secret.encode())
    except UnicodeEncodeError:
        return Complaint(what="is no text", found="bytes that are no UTF-8", wanted="printable characters")
    if not secret or length >= SHORTEST_SECRET:
        return None
    return Complaint(
        what="is too short",
        found=f"{length} bytes",
        wanted=f"at least {SHORTEST_SECRET} random bytes, for example of `openssl rand -hex 32`",
    )


RULES: Mapping[str, Rule] = {
    "server.host": complain_about_host,
    "server.port": _port,
    "server.unix_sock": _unix_sock,
    "server.base_path": _base_path,
    "server.public_url": complain_about_public_url,
    "server.trusted_proxies": complain_about_proxies,
    "server.allowed_hosts": complain_about_host_names,
    "server.workers": _between(1, MOST_WORKERS, "a number of processes"),
    "storage.upload_dir": _not_empty("the path of a folder"),
    "storage.sync_interval": _some_time,
    "storage.free_space_floor": _size,
    "storage.preallocate": _size,
    "storage.disk_threads": _count,
    "storage.sweep_interval": _at_least(0, "a duration in seconds"),
    "uploads.reap_interval": _some_time,
    "storage.key_template": complain_about_template,
    "storage.dir_perms": _permissions(0o700, "we must be able to list, make and enter"),
    "storage.file_perms": _permissions(0o600, "we must be able to read and write"),
    "s3.s3_bucket": _bucket,
    "s3.s3_object_prefix": _object_prefix,
    "s3.s3_endpoint": complain_about_endpoint,
    "s3.s3_part_size": _between(5 * MIB, 64 * MIB, "a size in bytes"),
    "s3.s3_min_part_size": _between(5 * MIB, 64 * MIB, "a size in bytes"),
    "s3.s3_max_buffered_parts": _between(1, 1000, "a number of parts"),
    "s3.s3_concurrent_part_uploads": _between(1, 1000, "a number of parts"),
    "s3.s3_buffer": _at_least(32 * MIB, "a size in bytes"),
    "s3.s3_tail_after": _some_time,
    "s3.s3_timeout": _some_time,
    "s3.s3_retry_within": _some_time,
    "s3.s3_url_expiry": _between(1, int(7 * DAY), "a duration in seconds"),
    "s3.s3_direct_expiry": _between(1, int(7 * DAY), "a duration in seconds"),
    "database.url": complain_about_database_url,
    "database.listen_url": complain_about_listen_url,
    "database.pool_size": _between(1, 1000, "a number of connections"),
    "database.timeout": _some_time,
    "uploads.max_size": _size,
    "uploads.checkpoint_bytes": _some_bytes,
    "uploads.checkpoint_interval": _some_time,
    "uploads.inline_limit": _size,
    "uploads.max_metadata": _size,
    "downloads.url_expiry": _between(1, int(DAY), "a duration in seconds"),
    "downloads.share_expiry": _between(1, int(3660 * DAY), "a duration in seconds"),
    "downloads.share_max_expiry": _between(1, int(3660 * DAY), "a duration in seconds"),
    "downloads.share_max_links": _between(1, 10_000, "a number of links"),
    "downloads.share_resume": _between(1, int(DAY), "a duration in seconds"),
    "timeouts.header": _some_time,
    "timeouts.json": _some_time,
    "timeouts.send": _some_time,
    "timeouts.network": _some_time,
    "timeouts.minimum_rate": _size,
    "timeouts.minimum_rate_window": _some_time,
    "limits.header_field": _at_least(KIB, "a size in bytes"),
    "limits.connections": _count,
    "limits.connections_per_address": _at_least(0, "a number"),
    "limits.backlog": _count,
    "cors.allow_origin": _pattern,
    "cors.allow_methods": _tokens,
    "cors.allow_headers": _tokens,
    "cors.expose_headers": _tokens,
    "access.cache": _between(0, 300, "a duration in seconds"),
    "access.cookie": _cookie_name,
    "access.upload_token_expiry": _some_time,
    "access.ticket_expiry": _between(1, 300, "a duration in seconds"),
    "access.jwt_secret": _secret_key,
    "access.jwt_leeway": _between(0, 300, "a duration in seconds"),
    "access.jwks_url": complain_about_secure_url,
    "access.jwks_refresh": _some_time,
    "access.jwks_patience": _at_least(1, "a duration in seconds"),
    "access.jwks_stale": _some_time,
    "access.jwt_subject": _not_empty("the name of a claim"),
    "access.jwt_scopes": _not_empty("the name of a claim"),
    "access.forward_url": complain_about_forward_url,
    "access.forward_headers": _tokens,
    "access.forward_subject": _header_name,
    "access.forward_tenant": _cookie_name,
    "access.forward_scopes": _header_name,
    "access.forward_timeout": _some_time,
    "limits.types_allowed": complain_about_types,
    "limits.types_denied": complain_about_types,
    "limits.type_sizes": complain_about_type_sizes,
    "limits.extensions_allowed": complain_about_extensions,
    "limits.extensions_denied": complain_about_extensions,
    "limits.filename_length": _at_least(0, "a number"),
    "limits.filename_pattern": _pattern,
    "rates.user_requests": _at_least(0, "a number"),
    "rates.address_requests": _at_least(0, "a number"),
    "rates.user_bytes": _size,
    "rates.address_bytes": _size,
    "rates.status": _status,
    "rates.nodes": _count,
    "rates.exchange_interval": _at_least(0, "a duration in seconds"),
    "quota.bytes": _size,
    "quota.files": _at_least(0, "a number"),
    "quota.open_uploads": _at_least(0, "a number"),
    "quota.deferred_step": _at_least(MIB, "a size"),
    "quota.overrides": complain_about_overrides,
    "scan.clamd_socket": _unix_sock,
    "scan.clamd_host": complain_about_clamd_host,
    "scan.clamd_port": _between(1, MOST_PORTS, "a port"),
    "scan.parallel": _between(1, MOST_SCANS, "a number of scans"),
    "scan.while_uploading": _between(0, MOST_SCANS // 2, "a number of uploads"),
    "scan.while_uploading_rate": _some_bytes,
    "scan.while_uploading_buffer": _at_least(2 * MIB, "a size"),
    "scan.max_size": _between(1, LARGEST_SCAN, "a size"),
    "scan.attempts": _between(1, 1000, "a number"),
    "scan.prove_interval": _some_time,
    "scan.connect_timeout": _some_time,
    "scan.send_timeout": _some_time,
    "scan.verdict_timeout": _some_time,
    "scan.timeout": _some_time,
    "events.retention": _none_or_a_day,
    "events.dead_retention": _none_or_a_day,
    "events.look_interval": _between(0.05, 60, "a duration in seconds"),
    "webhooks.endpoints": complain_about_endpoints,
    "webhooks.allow_networks": complain_about_networks,
    "webhooks.parallel": _between(1, 256, "a number of requests"),
    "webhooks.timeout": _some_time,
    "webhooks.attempts": _count,
    "webhooks.give_up_after": _some_time,
    "webhooks.longest_pause": _some_time,
    "webhooks.max_response": _some_bytes,
    "kafka.events": complain_about_kinds,
    "kafka.topic": _topic,
    "sqs.queue_url": complain_about_hook_url,
    "sqs.endpoint": complain_about_endpoint,
    "sqs.events": complain_about_kinds,
    "nats.subject": _subject,
    "nats.stream": _stream,
    "nats.events": complain_about_kinds,
    "hooks.http": complain_about_hook_url,
    "hooks.http_forward_headers": _tokens,
    "hooks.http_retry": _between(0, 100, "a number of tries"),
    "hooks.http_backoff": _some_time,
    "hooks.http_timeout": _some_time,
    "hooks.http_size_limit": _some_bytes,
    "hooks.progress_interval": _between(0.1, 3600, "a duration in seconds"),
    "live.listeners": _count,
    "live.listeners_per_user": _count,
    "live.allow_origin": _pattern,
    "metrics.host": complain_about_host,
    "metrics.port": _port,
    "metrics.metrics_path": _metrics_path,
}
"""Settings that are not here may be anything their type allows."""
