"""What settings demand of each other.

Belongs here: rules over several settings, and doubts that are only worth a warning.
Not here: single settings (rules.py).
"""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .complaint import Complaint
from .problems import Layer, Origin
from .settings import Settings
from .units import format_size
from .url_rules import is_secure_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """A complaint and the setting to point at."""

    key: str
    complaint: Complaint


Origins = Mapping[str, Origin]
Check = Callable[[Settings, Origins], Blame | None]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it. Other names than localhost may mean anything: not loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _auth_beyond_loopback(settings: Settings, _origins: Origins) -> Blame | None:
    server = settings.server
    if settings.access.auth or server.unix_sock or is_loopback(server.host):
        return None
    complaint = Complaint(
        what="lets others in, but access.auth does not say so",
        found=f'host = "{server.host}" without access.auth',
        wanted='auth = "none" under [access] if everybody who can connect may upload, else the ways in which '
        "they say who they are, or a loopback host",
        hint='write [access] auth = "none", or pass --auth none, or set TUSD_PY_ACCESS__AUTH=none',
    )
    return Blame(key="server.host", complaint=complaint)


def _whole_tls_pair(settings: Settings, _origins: Origins) -> Blame | None:
    server = settings.server
    if bool(server.tls_certificate) == bool(server.tls_key):
        return None
    here, there = ("tls_certificate", "tls_key") if server.tls_certificate else ("tls_key", "tls_certificate")
    complaint = Complaint(
        what=f"needs server.{there}",
        found=f"{here} without {there}",
        wanted="both for HTTPS, or none for HTTP",
        hint=f'write {there} = "/path/of/the/{"key" if there == "tls_key" else "chain"}.pem" beside it',
    )
    return Blame(key=f"server.{here}", complaint=complaint)


def _one_listener(settings: Settings, origins: Origins) -> Blame | None:
    """Refused only within one layer: a container's environment may name a host for a flag to override."""
    if not settings.server.unix_sock:
        return None
    socket = origins["server.unix_sock"].layer
    for name in ("host", "port"):
        if origins[f"server.{name}"].layer == socket != Layer.DEFAULT:
            complaint = Complaint(
                what="cannot be joined with server.unix_sock",
                found=f"both unix_sock and {name}",
                wanted="either unix_sock, or host and port",
            )
            return Blame(key=f"server.{name}", complaint=complaint)
    return None


def _memory_in_one_process(settings: Settings, _origins: Origins) -> Blame | None:
    if settings.storage.backend != "memory" or settings.server.workers == 1:
        return None
    complaint = Complaint(
        what="cannot be shared",
        found=f'backend = "memory" with workers = {settings.server.workers}',
        wanted='workers = 1, or backend = "filesystem"',
    )
    return Blame(key="storage.backend", complaint=complaint)


def _shared_needs_postgres(settings: Settings, _origins: Origins) -> Blame | None:
    if not settings.storage.shared or settings.database.url.startswith("postgres"):
        return None
    complaint = Complaint(
        what="needs Postgres",
        found="shared = true with SQLite, which is for one host",
        wanted='database.url = "postgresql://user@host/name", or shared = false',
    )
    return Blame(key="storage.shared", complaint=complaint)


def _exchange_needs_postgres(settings: Settings, _origins: Origins) -> Blame | None:
    if not settings.rates.exchange_interval or settings.database.url.startswith("postgres"):
        return None
    complaint = Complaint(
        what="needs Postgres",
        found="exchange_interval with SQLite, which is for one host, whose workers count together anyway",
        wanted='database.url = "postgresql://user@host/name", or exchange_interval = 0',
    )
    return Blame(key="rates.exchange_interval", complaint=complaint)


def _shared_files_only(settings: Settings, _origins: Origins) -> Blame | None:
    if not settings.storage.shared or settings.storage.backend == "filesystem":
        return None
    complaint = Complaint(
        what="is about files",
        found=f'shared = true with backend = "{settings.storage.backend}"',
        wanted='shared = false, or backend = "filesystem"',
    )
    return Blame(key="storage.shared", complaint=complaint)


def _shared_survives_power(settings: Settings, _origins: Origins) -> Blame | None:
    """After a power cut of one host, the others could not tell what it had not synced."""
    if not settings.storage.shared or settings.storage.durability == "power":
        return None
    complaint = Complaint(
        what="cannot be joined with storage.shared",
        found=f'durability = "{settings.storage.durability}" with shared = true',
        wanted='durability = "power"',
    )
    return Blame(key="storage.durability", complaint=complaint)


def _bucket_for_s3(settings: Settings, _origins: Origins) -> Blame | None:
    if settings.storage.backend != "s3" or settings.s3.s3_bucket:
        return None
    complaint = Complaint(
        what="is missing",
        found='storage.backend = "s3" without a bucket',
        wanted="the name of a bucket",
        hint='write s3_bucket = "name" under [s3], or set TUSD_PY_S3__S3_BUCKET',
    )
    return Blame(key="s3.s3_bucket", complaint=complaint)


def _s3_for_a_bucket(settings: Settings, origins: Origins) -> Blame | None:
    """To tusd a bucket is the choice of S3. A higher layer may say otherwise: it knows of the bucket."""
    backend = settings.storage.backend
    if not settings.s3.s3_bucket or backend == "s3":
        return None
    if origins["storage.backend"].layer > origins["s3.s3_bucket"].layer:
        return None
    complaint = Complaint(
        what="is not used",
        found=f'a bucket with storage.backend = "{backend}"',
        wanted='storage.backend = "s3", or no bucket',
        hint='write backend = "s3" under [storage], or pass --backend s3, or set TUSD_PY_STORAGE__BACKEND=s3',
    )
    return Blame(key="s3.s3_bucket", complaint=complaint)


def _whole_key_pair(settings: Settings, _origins: Origins) -> Blame | None:
    s3 = settings.s3
    if bool(s3.s3_access_key_id) == bool(s3.s3_secret_access_key):
        return None
    here, there = ("s3_access_key_id", "s3_secret_access_key")
    if s3.s3_secret_access_key:
        here, there = there, here
    complaint = Complaint(
        what=f"needs s3.{there}",
        found=f"{here} without {there}",
        wanted="both, or none to take them from where AWS tools look",
    )
    return Blame(key=f"s3.{here}", complaint=complaint)


def _parts_above_their_least(settings: Settings, _origins: Origins) -> Blame | None:
    s3 = settings.s3
    if s3.s3_min_part_size <= s3.s3_part_size:
        return None
    complaint = Complaint(
        what="is above s3.s3_part_size",
        found=f"{format_size(s3.s3_min_part_size)}, with s3_part_size = {format_size(s3.s3_part_size)}",
        wanted="at most s3_part_size",
    )
    return Blame(key="s3.s3_min_part_size", complaint=complaint)


def _direct_for_s3(settings: Settings, _origins: Origins) -> Blame | None:
    if not settings.s3.s3_direct or settings.storage.backend == "s3":
        return None
    complaint = Complaint(
        what="is not used",
        found=f's3_direct = true with storage.backend = "{settings.storage.backend}"',
        wanted='storage.backend = "s3", or s3_direct = false',
    )
    return Blame(key="s3.s3_direct", complaint=complaint)


def _direct_in_parts(settings: Settings, _origins: Origins) -> Blame | None:
    if not settings.s3.s3_direct or not settings.uploads.disable_multipart:
        return None
    complaint = Complaint(
        what="needs uploads in parts",
        found="s3_direct = true with uploads.disable_multipart = true",
        wanted="disable_multipart = false, or s3_direct = false",
    )
    return Blame(key="s3.s3_direct", complaint=complaint)


def _metrics_of_their_own(settings: Settings, _origins: Origins) -> Blame | None:
    server, metrics = settings.server, settings.metrics
    if not metrics.expose_metrics or server.unix_sock or metrics.port == 0 or metrics.port != server.port:
        return None
    complaint = Complaint(
        what="is taken by server.port",
        found=f"port {metrics.port} for both",
        wanted="a port of its own, so that metrics are not published with the uploads",
    )
    return Blame(key="metrics.port", complaint=complaint)


def _metadata_fits_a_header(settings: Settings, _origins: Origins) -> Blame | None:
    most, field = settings.uploads.max_metadata, settings.limits.header_field
    if most <= field:
        return None
    complaint = Complaint(
        what="can never be reached",
        found=f"{format_size(most)}, with limits.header_field = {format_size(field)}",
        wanted="at most limits.header_field",
    )
    return Blame(key="uploads.max_metadata", complaint=complaint)


def _one_clamd(settings: Settings, _origins: Origins) -> Blame | None:
    if not settings.scan.clamd_socket or not settings.scan.clamd_host:
        return None
    complaint = Complaint(
        what="cannot be joined with scan.clamd_socket",
        found="both clamd_socket and clamd_host",
        wanted="either the socket, or the host",
    )
    return Blame(key="scan.clamd_host", complaint=complaint)


def _none_alone(settings: Settings, _origins: Origins) -> Blame | None:
    auth = settings.access.auth
    if "none" not in auth or len(auth) == 1:
        return None
    complaint = Complaint(
        what='cannot join "none" with others',
        found=f"auth = {list(auth)}",
        wanted='"none" alone, or the ways in which visitors say who they are',
    )
    return Blame(key="access.auth", complaint=complaint)


def _whole_jwt(settings: Settings, _origins: Origins) -> Blame | None:
    """A token of the same issuer for another program must not be good here (RFC 8725, 3.9)."""
    access = settings.access
    if "jwt" not in access.auth:
        return None
    for name, value in (("jwt_issuer", access.jwt_issuer), ("jwt_audience", access.jwt_audience)):
        if not value:
            complaint = Complaint(
                what="is missing",
                found=f'auth with "jwt", and no {name}',
                wanted="what `iss` of every token must be"
                if name == "jwt_issuer"
                else "what `aud` of every token must hold",
            )
            return Blame(key=f"access.{name}", complaint=complaint)
    return None


def _keys_of_one_place(settings: Settings, _origins: Origins) -> Blame | None:
    access = settings.access
    if "jwt" not in access.auth:
        return None
    if access.jwks_url and (access.jwt_keys or access.jwt_secret):
        complaint = Complaint(
            what="cannot be joined with access.jwt_keys and access.jwt_secret",
            found="keys from a URL and keys from here",
            wanted="either of them",
        )
        return Blame(key="access.jwks_url", complaint=complaint)
    is_own = access.jwks_url or access.jwt_keys or access.jwt_secret
    if is_own or not access.jwt_issuer or is_secure_url(access.jwt_issuer):
        return None
    complaint = Complaint(
        what="is no OpenID provider that could be asked for keys",
        found=f'"{access.jwt_issuer}", and none of jwks_url, jwt_keys and jwt_secret',
        wanted="an https:// URL, or keys in one of these",
    )
    return Blame(key="access.jwt_issuer", complaint=complaint)


def _sign_in_somewhere(settings: Settings, _origins: Origins) -> Blame | None:
    """An issuer may be any text, but not where the page is to send people to it."""
    access = settings.access
    if not access.oidc_client_id or not access.jwt_issuer or is_secure_url(access.jwt_issuer):
        return None
    complaint = Complaint(
        what="is no OpenID provider that people could sign in at",
        found=f'"{access.jwt_issuer}", and oidc_client_id',
        wanted="https:// and a host, or http:// and a loopback address",
    )
    return Blame(key="access.jwt_issuer", complaint=complaint)


def _somebody_to_ask(settings: Settings, _origins: Origins) -> Blame | None:
    if "forward" not in settings.access.auth or settings.access.forward_url:
        return None
    complaint = Complaint(
        what="is missing", found='auth with "forward", and no forward_url', wanted="the URL to ask"
    )
    return Blame(key="access.forward_url", complaint=complaint)


def _cookie_of_named_pages(settings: Settings, _origins: Origins) -> Blame | None:
    if not settings.access.cookie or not settings.access.is_open:
        return None
    complaint = Complaint(
        what="is about visitors who say who they are",
        found="cookie, and auth that lets everybody in",
        wanted='auth = ["key"] or the like',
    )
    return Blame(key="access.cookie", complaint=complaint)


def _events_for_hooks(settings: Settings, _origins: Origins) -> Blame | None:
    """To tusd an empty list is the default; to call none, and say nothing of it, would let everything in."""
    hooks = settings.hooks
    if hooks.enabled_events or not (hooks.http or hooks.dir):
        return None
    complaint = Complaint(
        what="is empty",
        found=f"hooks.{'http' if hooks.http else 'dir'}, of which no hook is called",
        wanted="the hooks that are to be called",
        hint="leave it out for those that tusd calls by default",
    )
    return Blame(key="hooks.enabled_events", complaint=complaint)


COMBINATIONS: Sequence[tuple[tuple[str, ...], Check]] = (
    (("server.host", "server.unix_sock", "access.auth"), _auth_beyond_loopback),
    (("server.tls_certificate", "server.tls_key"), _whole_tls_pair),
    (("server.host", "server.port", "server.unix_sock"), _one_listener),
    (("storage.backend", "server.workers"), _memory_in_one_process),
    (("storage.shared", "database.url"), _shared_needs_postgres),
    (("rates.exchange_interval", "database.url"), _exchange_needs_postgres),
    (("storage.shared", "storage.backend"), _shared_files_only),
    (("storage.shared", "storage.durability"), _shared_survives_power),
    (("storage.backend", "s3.s3_bucket"), _bucket_for_s3),
    (("storage.backend", "s3.s3_bucket"), _s3_for_a_bucket),
    (("s3.s3_access_key_id", "s3.s3_secret_access_key"), _whole_key_pair),
    (("s3.s3_min_part_size", "s3.s3_part_size"), _parts_above_their_least),
    (("s3.s3_direct", "storage.backend"), _direct_for_s3),
    (("s3.s3_direct", "uploads.disable_multipart"), _direct_in_parts),
    (("metrics.port", "server.port", "server.unix_sock", "metrics.expose_metrics"), _metrics_of_their_own),
    (("uploads.max_metadata", "limits.header_field"), _metadata_fits_a_header),
    (("hooks.http", "hooks.dir", "hooks.enabled_events"), _events_for_hooks),
    (("scan.clamd_socket", "scan.clamd_host"), _one_clamd),
    (("access.auth",), _none_alone),
    (("access.auth", "access.jwt_issuer", "access.jwt_audience"), _whole_jwt),
    (("access.auth", "access.jwks_url", "access.jwt_keys", "access.jwt_issuer"), _keys_of_one_place),
    (("access.jwt_issuer", "access.oidc_client_id"), _sign_in_somewhere),
    (("access.auth", "access.forward_url"), _somebody_to_ask),
    (("access.cookie", "access.auth"), _cookie_of_named_pages),
)
"""Each with the settings it looks at: it is not asked while one of them is broken."""


def doubts(settings: Settings, origins: Origins) -> Sequence[str]:
    """What is allowed but probably not meant."""
    found: list[str] = []
    if settings.cors.allow_credentials and settings.cors.allow_origin == ".*" and not settings.cors.disable:
        found.append(
            'cors.allow_credentials with cors.allow_origin = ".*" lets every web page act for its visitors'
        )
    if settings.server.unix_sock and origins["server.host"].layer != Layer.DEFAULT:
        found.append(f"server.unix_sock is set, so server.host ({origins['server.host']}) is not used")
    return found
