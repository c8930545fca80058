"""What the value of a single setting must be like, beyond its type.

Belongs here: one rule per setting, as a table. Not here: rules over several settings (combinations.py).
"""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping

from .complaint import Complaint
from .event_rules import complain_about_endpoints, complain_about_kinds, complain_about_target
from .file_rules import complain_about_extensions, complain_about_type_sizes, complain_about_types
from .key_template import complain_about_template
from .kinds import Value
from .overrides import complain_about_overrides
from .units import DAY, KIB, MIB

Rule = Callable[[Value], Complaint | None]

_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?", re.ASCII
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
"""RFC 9110, 5.6.2."""
_URL = re.compile(
    r"https?://(?P<host>\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|[A-Za-z0-9._-]+)"
    r"(:(?P<port>[0-9]{1,5}))?(?P<path>/[^?#\s]*)?",
    re.ASCII,
)
_URL_PATH = re.compile(r"/([A-Za-z0-9._~!$&'()*+,;=:@-]+/)*", re.ASCII)
"""Path segments of RFC 3986 without percent-escapes, so that one path has one spelling."""
OUR_PATHS = ("/file/", "/s/", "/api/", "/upload/", "/healthz/", "/readyz/")
"""Where our other routes live."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*/)+", re.ASCII)
MOST_PORTS = 65535
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


def _host(host: str) -> Complaint | None:
    if is_address(host) or _HOST_NAME.fullmatch(host):
        return None
    inner = host.removeprefix("[").partition("]")[0]
    hint = f'write "{inner}"' if host.startswith("[") and is_address(inner) else ""
    name, colon, port = host.partition(":")
    if colon and port.isdecimal():
        hint = f'write host = "{name}" and port = {port}'
    if not host:
        hint = 'write "0.0.0.0" to listen on every IPv4 address, "::" for IPv6 too'
    return Complaint(
        what="is no address", found=f'"{host}"', wanted="an IP address or a host name", hint=hint
    )


def _clamd_host(host: str) -> Complaint | None:
    """pyclamd speaks IPv4 only."""
    if not host or (":" not in host and _host(host) is None):
        return None
    return Complaint(
        what="is no address",
        found=f'"{host}"',
        wanted="an IPv4 address, a host name that has one, or nothing",
    )


def is_address(text: str) -> bool:
    """Whether it is an IPv4 or IPv6 address without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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


def _public_url(url: str) -> Complaint | None:
    parts = _parts_of(url)
    if not url or (parts is not None and int(parts["port"] or 0) <= MOST_PORTS):
        return None
    return Complaint(
        what="is no URL we can build on",
        found=f'"{url}"',
        wanted="http:// or https://, a host, and perhaps a port and a path; no user, no query, no fragment",
        hint=f'write "https://{url}"' if _parts_of(f"https://{url}") else "",
    )


def _networks(networks: tuple[str, ...]) -> Complaint | None:
    return _first(networks, _network)


def _network(network: str) -> Complaint | None:
    if network == "unix":
        return None
    try:
        ipaddress.ip_network(network)
    except ValueError:
        return Complaint(
            what="holds something that is no network",
            found=f'"{network}"',
            wanted='networks such as "10.0.0.0/8", "192.0.2.7" or "fd00::/8", or "unix"',
            hint=_network_hint(network),
        )
    return None


def _plain_networks(networks: tuple[str, ...]) -> Complaint | None:
    return _first(networks, lambda network: None if network != "unix" else _network("")) or _networks(
        networks
    )


def _none_or_a_day(seconds: float) -> Complaint | None:
    """Shorter ones would take from other systems what they could not fetch over night."""
    return None if seconds == 0 else _at_least(DAY, "0, or a duration in seconds")(seconds)


def _network_hint(network: str) -> str:
    try:
        return f'write "{ipaddress.ip_network(network, strict=False)}", which has no bits set below the mask'
    except ValueError:
        return "names are not resolved: write the address" if _HOST_NAME.fullmatch(network) else ""


def _hosts(hosts: tuple[str, ...]) -> Complaint | None:
    return _first(hosts, _allowed_host)


def _allowed_host(host: str) -> Complaint | None:
    if is_address(host) or _HOST_NAME.fullmatch(host):
        return None
    return Complaint(
        what="holds something that is no host name",
        found=f'"{host}"',
        wanted='names such as "uploads.example.org", without scheme, port and path',
    )


def _tokens(names: tuple[str, ...]) -> Complaint | None:
    return _first(names, _token)


def _token(name: str) -> Complaint | None:
    if _TOKEN.fullmatch(name):
        return None
    return Complaint(
        what="holds something that HTTP cannot name",
        found=f'"{name}"',
        wanted="one header or method name per item",
    )


def _first(items: tuple[str, ...], rule: Callable[[str], Complaint | None]) -> Complaint | None:
    for place, item in enumerate(items):
        if complaint := rule(item):
            return Complaint(
                what=complaint.what,
                found=complaint.found,
                wanted=complaint.wanted,
                hint=complaint.hint,
                item=place,
            )
    return None


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


def _hook_url(url: str) -> Complaint | None:
    return complain_about_target(url) if url else None


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


def _database_url(url: str) -> Complaint | None:
    scheme, colon, rest = url.partition("://")
    if not url or (colon and scheme in ("postgresql", "postgres") and rest):
        return None
    if scheme == "sqlite" and rest.startswith("/") and rest != "/":
        return None
    hint = ""
    if scheme == "sqlite":
        hint = "three slashes before a relative path, four before an absolute one"
    elif "+" in scheme:
        hint = f"write the scheme without a driver: {scheme.partition('+')[0]}://"
    return Complaint(
        what="is no database URL that we know",
        found=url,
        wanted='"sqlite:///path" or "postgresql://user@host/name"',
        hint=hint,
    )


def _listen_url(url: str) -> Complaint | None:
    scheme, colon, rest = url.partition("://")
    if not url or (colon and scheme in ("postgresql", "postgres") and rest):
        return None
    return Complaint(
        what="is no URL to listen on", found=url, wanted='"postgresql://user@host/name", as in database.url'
    )


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


def _endpoint(url: str) -> Complaint | None:
    parts = _parts_of(url)
    if not url or (
        parts is not None and parts["path"] in (None, "/") and int(parts["port"] or 0) <= MOST_PORTS
    ):
        return None
    return Complaint(
        what="is no address of a store",
        found=f'"{url}"',
        wanted="http:// or https://, a host, and perhaps a port; the bucket goes to s3_bucket",
        hint=f'write "https://{url}"' if _parts_of(f"https://{url}") else "",
    )


def _secure_url(url: str) -> Complaint | None:
    """What comes back decides who is let in: nobody in between may write it."""
    if not url or is_secure_url(url):
        return None
    return Complaint(
        what="is no URL that can be trusted",
        found=f'"{url}"',
        wanted="https:// and a host, or http:// and a loopback address; no user, no query, no fragment",
        hint=f'write "https://{url.partition("://")[2] or url}"',
    )


def _parts_of(url: str) -> re.Match[str] | None:
    """None where it is no URL that we can use."""
    parts = _URL.fullmatch(url)
    if parts is None or parts["ipv6"] is None:
        return parts
    # An IPv4 address has no brackets.
    return parts if ":" in parts["ipv6"] and is_address(parts["ipv6"]) else None


def is_secure_url(url: str) -> bool:
    """One that can be asked, and nobody in between can answer."""
    parts = _parts_of(url)
    is_one = parts is not None and int(parts["port"] or 0) <= MOST_PORTS
    return is_one and (url.startswith("https://") or is_local_url(url))


def is_local_url(url: str) -> bool:
    """Its host is this machine."""
    parts = _parts_of(url)
    host = "" if parts is None else parts["host"].strip("[]")
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def _forward_url(url: str) -> Complaint | None:
    parts = _parts_of(url)
    if not url or (parts is not None and int(parts["port"] or 0) <= MOST_PORTS):
        return None
    return Complaint(
        what="is no URL",
        found=f'"{url}"',
        wanted="http:// or https://, a host, and perhaps a port and a path",
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
    "server.host": _host,
    "server.port": _port,
    "server.unix_sock": _unix_sock,
    "server.base_path": _base_path,
    "server.public_url": _public_url,
    "server.trusted_proxies": _networks,
    "server.allowed_hosts": _hosts,
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
    "s3.s3_endpoint": _endpoint,
    "s3.s3_part_size": _between(5 * MIB, 64 * MIB, "a size in bytes"),
    "s3.s3_min_part_size": _between(5 * MIB, 64 * MIB, "a size in bytes"),
    "s3.s3_max_buffered_parts": _between(1, 1000, "a number of parts"),
    "s3.s3_concurrent_part_uploads": _between(1, 1000, "a number of parts"),
    "s3.s3_buffer": _at_least(32 * MIB, "a size in bytes"),
    "s3.s3_tail_after": _some_time,
    "s3.s3_timeout": _some_time,
    "s3.s3_retry_within": _some_time,
    "s3.s3_url_expiry": _between(1, int(7 * DAY), "a duration in seconds"),
    "database.url": _database_url,
    "database.listen_url": _listen_url,
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
    "access.jwks_url": _secure_url,
    "access.jwks_refresh": _some_time,
    "access.jwks_patience": _at_least(1, "a duration in seconds"),
    "access.jwks_stale": _some_time,
    "access.jwt_subject": _not_empty("the name of a claim"),
    "access.jwt_scopes": _not_empty("the name of a claim"),
    "access.forward_url": _forward_url,
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
    "scan.clamd_host": _clamd_host,
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
    "webhooks.allow_networks": _plain_networks,
    "webhooks.parallel": _between(1, 256, "a number of requests"),
    "webhooks.timeout": _some_time,
    "webhooks.attempts": _count,
    "webhooks.give_up_after": _some_time,
    "webhooks.longest_pause": _some_time,
    "webhooks.max_response": _some_bytes,
    "kafka.events": complain_about_kinds,
    "kafka.topic": _topic,
    "sqs.queue_url": _hook_url,
    "sqs.endpoint": _endpoint,
    "sqs.events": complain_about_kinds,
    "nats.subject": _subject,
    "nats.stream": _stream,
    "nats.events": complain_about_kinds,
    "hooks.http": _hook_url,
    "hooks.http_forward_headers": _tokens,
    "hooks.http_retry": _between(0, 100, "a number of tries"),
    "hooks.http_backoff": _some_time,
    "hooks.http_timeout": _some_time,
    "hooks.http_size_limit": _some_bytes,
    "hooks.progress_interval": _between(0.1, 3600, "a duration in seconds"),
    "live.listeners": _count,
    "live.listeners_per_user": _count,
    "live.allow_origin": _pattern,
    "metrics.host": _host,
    "metrics.port": _port,
    "metrics.metrics_path": _metrics_path,
}
"""Settings that are not here may be anything their type allows."""
