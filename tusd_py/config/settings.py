"""Every setting, its default, and what it means.

The docstring under a field is the comment in `config.example.toml`; a test holds the two together.
Names follow tusd's flags where tusd has one. Sizes are bytes, durations seconds; in TOML and in the
environment they may be written "64MiB" and "30s".

Belongs here: the values. Not here: where they come from (load.py) and what is done with them.
"""

from dataclasses import dataclass, field
from typing import Literal

from .units import DAY, GIB, HOUR, KIB, MIB, Bytes, Mode, Seconds, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How clients reach us."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs an explicit access.auth."""
    port: int = 8080
    """Port to listen on; 0 takes a free one."""
    unix_sock: str = ""
    """Path of a Unix socket to listen on instead of host and port."""
    base_path: str = "/files/"
    """Path under which uploads live."""
    page: bool = True
    """Serve the upload page at /."""
    public_url: str = ""
    """What clients see before the base path, e.g. "https://uploads.example.org"; makes Location
    independent of any header."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) whose X-Forwarded-Host, -Proto and -For are believed; "unix" for a Unix socket."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names served; empty serves every name, except to the anonymous admin (see access.auth)."""
    workers: int = 1
    """Processes that serve. With more than one, a supervisor restarts those that die."""
    event_loop: Literal["auto", "uvloop", "asyncio"] = "auto"
    """"auto" takes uvloop where it is installed, "uvloop" insists on it, "asyncio" does without."""
    socket_receive: bool = True
    """Large plain bodies are read from the socket by a thread, for about half the CPU. Off, every body goes
    through the event loop."""
    tls_certificate: str = ""
    """Path of a PEM certificate chain; switches to HTTPS together with tls_key."""
    tls_key: str = ""
    """Path of the certificate's PEM key."""
    tls_mode: Literal["tls12", "tls13"] = "tls12"
    """Oldest TLS accepted: "tls12" or "tls13"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where bytes live."""

    backend: Literal["filesystem", "s3", "memory"] = "filesystem"
    """"filesystem", "s3" (see [s3]), or "memory" for tests and demonstrations: it forgets everything at
    exit."""
    upload_dir: str = "./data"
    """Folder of the filesystem backend; also says, in .tusd, which database its files belong to."""
    service_dir: str = ""
    """Folder for the locks and sockets of this host's workers and, by default, the SQLite database. Empty is
    upload_dir/.tusd. Where several hosts or containers share upload_dir, a local folder for each."""
    shared: bool = False
    """Several hosts, or containers with a service_dir each, serve the same upload_dir; needs Postgres."""
    durability: Literal["power", "process"] = "power"
    """"power": an acknowledged byte survives a power cut. "process": only kill -9; faster, synced every
    sync_interval."""
    sync_interval: Seconds = 5.0
    """With durability "process": how often written files are synced in the background."""
    disk_threads: int = 16
    """Disk operations of a worker at once; a sync can hold one for as long as the disk takes."""
    free_space_floor: Bytes = GIB
    """New uploads get 507 while less than this, and less than 2 % of the disk, is free. 0 switches the
    check off."""
    preallocate: Bytes = 64 * MIB
    """Reserved ahead of a writer at most, so that a full disk shows early; a writer that brings little
    reserves little."""
    key_template: str = "{user_id}/{yyyy}/{mm}/{dd}/{file_id}"
    """Where an upload's bytes go below upload_dir, or below s3_object_prefix."""
    sweep_interval: Seconds = HOUR
    """How often the folder is searched for bytes that no row names."""
    dir_perms: Mode = 0o750
    """Mode of folders that are made."""
    file_perms: Mode = 0o640
    """Mode of files while they are received; finished ones lose their write bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3:
    """Where bytes live with storage.backend = "s3"."""

    s3_bucket: str = ""
    """The bucket; it must be there."""
    s3_object_prefix: str = ""
    """Before every name, for example "uploads/". Below it everything belongs to this service, which removes
    what no row names."""
    s3_endpoint: str = ""
    """URL of the store, for example "https://minio.example.org"; empty is AWS."""
    s3_provider: Literal["aws", "seaweedfs", "minio", "ceph", "r2", "b2", "gcs"] = "aws"
    """Who runs the store: decides addressing, checksums, and what it can do."""
    s3_region: str = ""
    """Region; empty takes what AWS tools would (AWS_REGION, shared files), else the provider's usual one."""
    s3_access_key_id: str = ""
    """Empty takes the usual AWS chain: environment, shared files, the role of the machine."""
    s3_secret_access_key: Secret = ""
    """Belongs to s3_access_key_id. A secret: also as s3_secret_access_key_file."""
    s3_checksum: Literal["auto", "crc32c", "crc32", "crc64nvme", "md5"] = "auto"
    """What proves each part to the store; "auto" is what the provider understands. "crc64nvme" needs the
    package awscrt."""
    s3_part_size: Bytes = 8 * MIB
    """Part size of uploads up to 70 GiB; larger ones have larger parts."""
    s3_min_part_size: Bytes = 5 * MIB
    """Bytes from which on a part may be sent before it is full, where a request ends."""
    s3_max_buffered_parts: int = 4
    """Parts of one upload that wait or are being sent."""
    s3_concurrent_part_uploads: int = 10
    """Parts sent at once by this host."""
    s3_buffer: Bytes = 256 * MIB
    """Bytes of bodies that this host holds in memory, for all uploads."""
    s3_tail_after: Seconds = 30.0
    """How long bytes of a running request wait for their part to become full, before they are stored as they
    are."""
    s3_disable_content_hashes: bool = False
    """Over plain http, leave bodies out of the signature; over https they always are. Checksums stay."""
    s3_timeout: Seconds = 30.0
    """Of silence, after which a request to the store is tried again."""
    s3_retry_within: Seconds = 10.0
    """How long a request to the store is tried, before the client hears 503 and its offset."""
    s3_download: Literal["stream", "redirect"] = "stream"
    """"stream" sends files through this service, "redirect" sends clients to the store with a signed URL."""
    s3_url_expiry: Seconds = 300.0
    """How long such a URL lives, and so how long it outlives a file's quarantine or deletion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where rows live."""

    url: Secret = ""
    """"sqlite:///path" or "postgresql://user@host/name"; empty is SQLite in service_dir/tusd.db. A secret:
    also as url_file."""
    migrate: bool = True
    """Bring the schema up to date at start; otherwise run `tusd-py migrate` and an old schema is refused."""
    pool_size: int = 8
    """Postgres connections per worker."""
    notify: Literal["auto", "listen", "poll"] = "auto"
    """How a writer hears that another host wants its upload: "listen" is LISTEN/NOTIFY of Postgres, "poll" a
    look at its rows every half second, "auto" the first where it works."""
    listen_url: Secret = ""
    """Where to listen if url leads through a pooling proxy: the same database without it. A secret: also as
    listen_url_file."""
    timeout: Seconds = 10.0
    """How long a request waits for the database before it gets 503 (423 on HEAD)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """What may be uploaded."""

    max_size: Bytes = 0
    """Largest upload; 0 is no limit."""
    expiry: Seconds = 24 * HOUR
    """Unfinished uploads go this long after their last byte; 0 keeps them for ever."""
    max_age: Seconds = 30 * DAY
    """Unfinished uploads go this long after their creation, however busy; 0 is no limit."""
    checkpoint_bytes: Bytes = 16 * MIB
    """Bytes after which a running request makes what it has durable and moves the line."""
    checkpoint_interval: Seconds = 5.0
    """The same by time."""
    inline_limit: Bytes = 256 * KIB
    """Whole uploads up to this size are written in one go with one commit."""
    max_metadata: Bytes = 4 * KIB
    """Longest Upload-Metadata header."""
    reap_interval: Seconds = 30.0
    """How often uploads whose date passed are ended."""
    disable_download: bool = False
    """Do not serve finished uploads by GET."""
    disable_concatenation: bool = False
    """Do not let clients make an upload of others."""
    disable_termination: bool = False
    """Do not let clients delete uploads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long we wait."""

    header: Seconds = 10.0
    """From connecting (or the first byte of a later request) to the end of the headers."""
    network: Seconds = 30.0
    """Without a byte of the body; what came is kept and the connection closed."""
    minimum_rate: Bytes = 256
    """Bytes per second, averaged over minimum_rate_window, below which a body is cut; 0 switches it off."""
    minimum_rate_window: Seconds = 60.0
    """Over how long the rate is averaged."""
    keep_alive: Seconds = 75.0
    """How long an idle connection stays open."""
    acquire_lock: Seconds = 5.0
    """How long a request waits for the present writer of its upload to save and let go, before 423."""
    head_lock: Seconds = 1.0
    """The same for HEAD."""
    shutdown: Seconds = 10.0
    """From SIGTERM to exit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What we refuse to hold."""

    header_field: Bytes = 16 * KIB
    """Longest single header; longer ones get 400. Bounds how many uploads an Upload-Concat may name (about
    45 bytes each)."""
    connections: int = 10000
    """Open connections per worker; more are closed at once."""
    backlog: int = 1024
    """Connections that may wait to be accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """Which web pages may use us."""

    disable: bool = False
    """Send no CORS headers at all."""
    allow_origin: str = ".*"
    """Regular expression that a whole Origin must match."""
    allow_credentials: bool = False
    """Let pages send cookies and the like."""
    allow_methods: tuple[str, ...] = ()
    """Methods besides the protocol's own."""
    allow_headers: tuple[str, ...] = ()
    """Request headers besides the protocol's own."""
    expose_headers: tuple[str, ...] = ()
    """Response headers besides the protocol's own."""
    max_age: Seconds = 86400.0
    """How long a browser may remember a preflight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may do what."""

    auth: Literal["", "none"] = ""
    """"none" serves everybody. Empty means the same, but is accepted only on loopback and Unix sockets,
    where the visitor is also the admin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Scanning for viruses with clamd, before anybody may fetch a file. Off while clamd_socket and clamd_host
    are empty. See docs/scanning.md."""

    clamd_socket: str = ""
    """Path of clamd's Unix socket, its LocalSocket."""
    clamd_host: str = ""
    """Or the host of its TCPSocket, by IPv4."""
    clamd_port: int = 3310
    """And its port."""
    parallel: int = 4
    """Scans at once in each worker; all together not above clamd's MaxThreads."""
    max_size: Bytes = 100 * MIB
    """Longer files are unscannable and are never sent. The smaller of clamd's StreamMaxLength and
    MaxFileSize; at most 2 GiB - 3."""
    unscannable: Literal["deny", "owner", "allow"] = "deny"
    """Who may fetch files that clamd cannot look into (too long, encrypted, too many levels): "deny" nobody,
    "owner" whoever uploaded it, "allow" everybody who may fetch it otherwise."""
    on_infected: Literal["quarantine", "delete"] = "quarantine"
    """"quarantine" keeps infected files, closed, for `tusd-py quarantine`; "delete" removes them at once."""
    rescan_updates: bool = False
    """Scan every file again, in the background, after clamd's signatures changed."""
    attempts: int = 8
    """Tries for a file without getting a verdict, with pauses from 1 to 30 s, before it is given up; it stays
    closed, and `tusd-py rescan` tries again."""
    prove_interval: Seconds = 300.0
    """How often clamd is shown what it must find; until it does, nothing becomes clean."""
    signatures_max_age: Seconds = 7 * DAY
    """Older signatures prove nothing; 0 takes any, also those without a date."""
    connect_timeout: Seconds = 2.0
    """How long to wait for a connection to clamd."""
    send_timeout: Seconds = 30.0
    """How long clamd may take nothing of a stream."""
    verdict_timeout: Seconds = 150.0
    """How long to wait for the verdict after the last byte; more than clamd's MaxScanTime."""
    timeout: Seconds = 600.0
    """The longest that one scan may take in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Prometheus metrics, on a listener of their own."""

    expose_metrics: bool = True
    """Serve them."""
    host: str = "127.0.0.1"
    """Address of that listener."""
    port: int = 9464
    """Its port; 0 takes a free one."""
    metrics_path: str = "/metrics"
    """Their path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What is written to standard error."""

    format: Literal["auto", "console", "text", "json"] = "auto"
    """"auto" is "console" on a terminal and "json" otherwise; "text" is tusd's name for "console"."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """"debug", "info", "warning" or "error"."""
    requests: bool = True
    """One line for each request."""
    show_greeting: bool = True
    """At start, print where to upload and a recipe to try it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything."""

    server: Server = field(default_factory=Server)
    storage: Storage = field(default_factory=Storage)
    s3: S3 = field(default_factory=S3)
    database: Database = field(default_factory=Database)
    uploads: Uploads = field(default_factory=Uploads)
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    cors: Cors = field(default_factory=Cors)
    access: Access = field(default_factory=Access)
    scan: Scan = field(default_factory=Scan)
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = field(default_factory=Log)
