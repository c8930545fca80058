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
    """Host names served; empty serves every name, except to the anonymous admin (see access.auth). /healthz
    and /readyz are answered whatever name is asked."""
    workers: int = 1
    """Processes that serve. With more than one, a supervisor restarts those that die."""
    event_loop: Literal["auto", "uvloop", "asyncio"] = "auto"
    """"auto" takes uvloop where it is installed, "uvloop" insists on it, "asyncio" does without."""
    interim_responses: Literal["direct", "always", "never"] = "direct"
    """Tell clients of the IETF draft by 104 responses where to go on and how far they are. "direct": only
    where no proxy says that it is in between, as some take one for the whole answer (nginx does, haproxy
    does not)."""
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
    """New uploads get 507 while less than this, and less than 2 % of the disk, is free; what was begun goes
    on, and /readyz stays 200, with "low on space". 0 switches the check off."""
    preallocate: Bytes = 64 * MIB
    """Reserved ahead of a writer at most, so that a full disk shows early; a writer that brings little
    reserves little."""
    key_template: str = "{user_id}/{yyyy}/{mm}/{dd}/{file_id}"
    """Where an upload's bytes go below upload_dir, or below s3_object_prefix."""
    sweep_interval: Seconds = HOUR
    """How often bytes that no row names are deleted, be they files or objects. 0 is never: before a database
    that was restored is served (docs/backup.md)."""
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
    s3_max_buffered_parts: int = 2
    """Parts of one upload that are being filled or sent. More of them help where the store takes long to
    answer; when a host dies, clients send them again."""
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
    s3_direct: bool = False
    """Uploads in parts may be begun with "direct": clients send the parts to the store themselves, by signed
    URLs. They have to reach it, and pages need the bucket's CORS (docs/multipart.md)."""
    s3_direct_expiry: Seconds = 900.0
    """How long such a URL takes its part; clients ask for others then."""


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
    """Unfinished uploads, and partial ones until they are put together, go this long after their last byte; 0
    keeps them for ever."""
    max_age: Seconds = 30 * DAY
    """They go this long after their creation, however busy; 0 is no limit."""
    checkpoint_bytes: Bytes = 16 * MIB
    """Bytes after which a running request makes what it has durable and moves the line."""
    checkpoint_interval: Seconds = 5.0
    """The same by time, for bodies that come faster than timeouts.minimum_rate."""
    inline_limit: Bytes = 256 * KIB
    """Whole uploads up to this size are written in one go with one commit."""
    max_metadata: Bytes = 4 * KIB
    """Longest Upload-Metadata header."""
    sniff: Literal["auto", "always", "never"] = "auto"
    """What files look like by their content: "auto" looks at what the virus scanner is sent anyway, where the
    extra sniff is installed, "always" at every file while it arrives."""
    reap_interval: Seconds = 30.0
    """How often uploads whose date passed are ended."""
    disable_download: bool = False
    """Do not serve finished uploads by GET."""
    disable_concatenation: bool = False
    """Do not let clients make an upload of others."""
    disable_termination: bool = False
    """Do not let clients delete uploads."""
    disable_multipart: bool = False
    """No uploads in parts that come in any order, at /upload/; see docs/multipart.md."""
    enable_experimental_protocol: bool = True
    """Speak the IETF's draft of resumable uploads too, to clients that ask for it; see docs/ietf.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """How finished files are fetched. See docs/downloads.md."""

    mode: Literal["direct", "link"] = "direct"
    """"direct" answers GET /file/{file_id} with the bytes, "link" with a redirect to a signed URL of ours,
    which works without saying who one is."""
    url_expiry: Seconds = 900.0
    """How long a signed URL of ours lives."""
    share_links: bool = True
    """Let users make links that open one file to whoever has them."""
    share_expiry: Seconds = 7 * DAY
    """How long a share link lives where its maker did not say."""
    share_max_expiry: Seconds = 30 * DAY
    """How long a share link may live."""
    share_max_links: int = 100
    """Share links of one file that may be active at a time."""
    share_resume: Seconds = DAY
    """How long a visitor whose use of a share link was counted may fetch further ranges without being counted
    again."""
    share_keep: Seconds = 7 * DAY
    """How long a share link that expired or was revoked stays listed."""
    record: bool = True
    """Write an event for each download."""
    record_addresses: bool = True
    """Put the reader's address into such events, and into those of share links."""
    sendfile: bool = True
    """Let the kernel send large ranges of files by itself, where there is no TLS. Off, every byte goes
    through the event loop."""


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
    json: Seconds = 30.0
    """How long the JSON body of a request to /api/ may take to be here."""
    send: Seconds = 60.0
    """How long the reader of a download may take nothing, before its connection is cut."""
    keep_alive: Seconds = 75.0
    """How long an idle connection stays open."""
    acquire_lock: Seconds = 0.0
    """How long a request waits for the present writer of its upload to save and let go, before 423. 0 is 5 s,
    and 10 s with storage.backend "s3", where saving takes longer."""
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
    connections_per_address: int = 0
    """Those of one address, of IPv6 of a /64, per worker; 0 is no limit. Those of server.trusted_proxies do
    not count. See docs/limits.md."""
    backlog: int = 1024
    """Connections that may wait to be accepted."""
    types_allowed: tuple[str, ...] = ()
    """Types that a file may be declared as, such as "application/pdf" or "image/*"; empty allows all."""
    types_denied: tuple[str, ...] = ()
    """Types that it may not be declared as."""
    check_content: bool = False
    """Its content must look like an allowed type too, and like no denied one; needs the extra sniff."""
    type_sizes: tuple[str, ...] = ()
    """Largest file of a type, such as "video/*=5GB"; the most exact one counts."""
    extensions_allowed: tuple[str, ...] = ()
    """What a file name may end in, such as "pdf"; empty allows all, also none."""
    extensions_denied: tuple[str, ...] = ()
    """What no part of a file name after a dot may be."""
    filename_length: int = 0
    """Characters that a file name may have; 0 is no limit."""
    filename_pattern: str = ""
    """Regular expression that a whole file name must match, for example "[A-Za-z0-9 ._-]+"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What each user may store; 0 is no limit. Without any limit nothing is counted. See docs/limits.md."""

    bytes: Bytes = 0
    """Of all files and unfinished uploads of a user, with every version."""
    files: int = 0
    """Files of a user, unfinished uploads and every version included."""
    open_uploads: int = 0
    """Unfinished uploads of a user."""
    deferred_step: Bytes = 64 * MIB
    """What an upload whose length is not known yet reserves at a time."""
    overrides: tuple[str, ...] = ()
    """Other limits for some: "alice bytes=5GB files=1000", for users of a tenant "acme/* open_uploads=5" or
    "acme/alice bytes=0". The most exact one counts, and what it does not name is as above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often and how fast one user or one address may come; 0 is no limit. See docs/limits.md."""

    user_requests: int = 0
    """Requests of a user in a minute. Asking for offsets does not count."""
    address_requests: int = 0
    """The same of an address; of IPv6, of a /64."""
    user_bytes: Bytes = 0
    """Bytes per second of a user's uploads, all together. Faster ones are slowed down."""
    address_bytes: Bytes = 0
    """The same of an address."""
    status: int = 429
    """What those hear who come too often: 429, or 503, which tus-js-client repeats by itself."""
    nodes: int = 1
    """Nodes behind one balancer: each allows its share of the above, or with exchange_interval its share of
    what may come at once."""
    exchange_interval: Seconds = 0.0
    """How often nodes tell each other through Postgres what was had from them, so that they count together,
    whichever node a client comes to; such as "500ms". 0 is not at all."""


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
    """Who may do what. See docs/security.md."""

    auth: tuple[Literal["none", "key", "jwt", "forward"], ...] = ()
    """How visitors say who they are: "key" for API keys (`tusd-py key`), "jwt" for tokens that somebody else
    signed, "forward" to ask forward_url; several may be joined. "none" serves everybody. Empty means the
    same, but is accepted only on loopback and Unix sockets, where the visitor is also the admin: set it
    before any proxy is put in front."""
    cache: Seconds = 5.0
    """How long what was found out about a key, a token or by forward_url is believed. So long a revoked key
    still works; 0 looks every time."""
    resume_grace: Seconds = 24 * HOUR
    """How long after its expiry a token that is good otherwise may still go on with uploads that its subject
    began, and do nothing else; 0 is not at all."""
    super_admins: tuple[str, ...] = ()
    """Subjects whose admin scope counts in every tenant: "tenant/subject", or "subject" of no tenant."""
    cookie: str = ""
    """Name of a cookie that may hold the key or token. Pages of other origins are then refused to write,
    unless cors.allow_origin names them."""
    upload_token_expiry: Seconds = 24 * HOUR
    """How long a token for one upload lives at most, and if nobody says how long."""
    ticket_expiry: Seconds = 30.0
    """How long a ticket for a WebSocket or an event stream lives."""
    jwt_issuer: str = ""
    """What `iss` must be, exactly. If there is no jwks_url, jwt_keys or jwt_secret, it is the URL of an
    OpenID provider, which says where its keys are."""
    jwt_audience: tuple[str, ...] = ()
    """One of these must be in `aud`."""
    jwt_keys: tuple[str, ...] = ()
    """Files with public keys: PEM, JWK, or JWK sets. RSA (from 2048 bits), EC and Ed25519."""
    jwt_secret: Secret = ""
    """For tokens signed with HMAC (HS256 and its like): at least 32 bytes. A secret: also as
    jwt_secret_file."""
    jwt_leeway: Seconds = 30.0
    """By how much the clock of the issuer may differ from ours."""
    jwks_url: str = ""
    """Where the issuer's keys are, if it does not say."""
    jwks_refresh: Seconds = 600.0
    """How often they are fetched again; also for an unknown key, but not within jwks_patience of the last
    time."""
    jwks_patience: Seconds = 30.0
    """The least between two fetches of keys."""
    jwks_stale: Seconds = HOUR
    """How long keys are used after the last good answer of the provider; afterwards visitors hear 503."""
    jwt_subject: str = "sub"
    """The claim that names the subject, who owns what it uploads. A dot goes into an object."""
    jwt_tenant: str = ""
    """The claim that names the tenant; empty puts everybody into one."""
    jwt_scopes: str = "scope"
    """The claim that lists scopes, as a list or a text with spaces."""
    jwt_scope_prefix: str = ""
    """What our scopes begin with there: with "tusd:", `tusd:upload` is `upload`."""
    jwt_default_scopes: tuple[Literal["upload", "read"], ...] = ("upload", "read")
    """Scopes of a token that has no such claim."""
    forward_url: str = ""
    """Asked with GET who sent a request; 2xx with forward_subject is an answer, 401, 403 and 404 are noes,
    and anything else is 503 for the visitor."""
    forward_headers: tuple[str, ...] = ("Authorization", "Cookie", "X-Api-Key")
    """The request headers that are passed to it; a request with none of them is not asked about."""
    forward_subject: str = "X-Auth-Subject"
    """Header of its answer that names the subject."""
    forward_tenant: str = "X-Auth-Tenant"
    """Header that names the tenant; an answer without it lets nobody in. Empty where there are no tenants."""
    forward_scopes: str = "X-Auth-Scopes"
    """Header that lists scopes, separated by spaces or commas; without it, jwt_default_scopes."""
    forward_timeout: Seconds = 5.0
    """How long it may take."""
    oidc_client_id: str = ""
    """With it, the page offers a sign-in at jwt_issuer as this client (authorization code with PKCE)."""
    oidc_scopes: tuple[str, ...] = ("openid",)
    """What the page asks for there."""

    @property
    def is_open(self) -> bool:
        """Nobody has to say who they are."""
        return self.auth in ((), ("none",))


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
    in_server: bool = True
    """Scan in the processes that serve. Without it only `tusd-py work` does, in processes of its own."""
    while_uploading: int = 2
    """Uploads that each worker shows to clamd while they arrive, so that they need not be read again; at most
    half of parallel. 0 scans stored files only."""
    while_uploading_rate: Bytes = MIB
    """Bytes per second below which an upload is scanned when it is stored: it would hold a thread of clamd
    for as long as it takes."""
    while_uploading_buffer: Bytes = 16 * MIB
    """Bytes of such uploads that wait for clamd, in each worker. With more, clamd is too slow: the upload
    goes on, and is scanned when it is stored."""
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

    @property
    def is_configured(self) -> bool:
        """There is a scanner."""
        return bool(self.clamd_socket or self.clamd_host)


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The log of events: audit trail, and what other systems are told from. See docs/events.md."""

    retention: Seconds = 0.0
    """How long events are kept; 0 is for ever. What a way out that was at work in the last day has not
    delivered is kept longer."""
    dead_retention: Seconds = 30 * DAY
    """How long an event that was given up can be sent again; 0 is for ever. It is also how long a way out
    that was switched off finds what it had not delivered."""
    look_interval: Seconds = 0.5
    """How often the log is looked at for new events, while there is anybody to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One of `webhooks.endpoints`."""

    name: str
    """For logs, metrics and commands; another name is another endpoint, which begins with what is new."""
    url: str
    secret: Secret
    """Of Standard Webhooks, `whsec_...`; two with a blank between while one takes the place of the other."""
    events: tuple[str, ...] = ()
    """Kinds, `*` standing for anything; empty for all."""
    tenants: tuple[str, ...] = ()
    """Empty for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """Events as signed POSTs to other systems (Standard Webhooks). See docs/events.md."""

    endpoints: tuple[Endpoint, ...] = ()
    """Each a table [[webhooks.endpoints]] with name, url, secret (or secret_file), and perhaps events and
    tenants: lists of those it gets, such as ["upload.stored", "file.*"]."""
    allow_networks: tuple[str, ...] = ()
    """Networks (CIDR) that endpoints may be in although they are not public, also by plain http."""
    parallel: int = 8
    """Events on their way to one endpoint at once, never two of one upload."""
    timeout: Seconds = 15.0
    """How long an endpoint may take to answer."""
    attempts: int = 100
    """How often an endpoint may refuse an event before it is given up; see `tusd-py webhooks`."""
    give_up_after: Seconds = DAY
    """The same by time since it failed first."""
    longest_pause: Seconds = 900.0
    """Pauses between tries of a refused event grow from 5 s to this."""
    max_response: Bytes = 64 * KIB
    """Bytes of an answer that are read; nothing but its status is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """Events to a topic of Kafka, by the package aiokafka: pip install 'tusd-py[kafka]'."""

    bootstrap_servers: tuple[str, ...] = ()
    """Brokers to begin with, as "host:port"; empty switches it off."""
    topic: str = "tusd-py.events"
    """The topic; the key of each message is the upload's id."""
    events: tuple[str, ...] = ()
    """Kinds that are sent, `*` standing for anything; empty for all."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """As Kafka's clients call it."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    """With SASL."""
    username: str = ""
    """With SASL."""
    password: Secret = ""
    """With SASL. A secret: also as password_file."""
    ca_file: str = ""
    """PEM file of the authorities that are trusted with SSL; empty for the system's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sqs:
    """Events to a queue of Amazon SQS: pip install 'tusd-py[sqs]'."""

    queue_url: str = ""
    """URL of the queue; empty switches it off. One that ends with ".fifo" keeps the order of each upload."""
    events: tuple[str, ...] = ()
    """Kinds that are sent, `*` standing for anything; empty for all."""
    region: str = ""
    """Region; empty takes what AWS tools would."""
    endpoint: str = ""
    """URL of the service; empty is AWS."""
    access_key_id: str = ""
    """Empty takes the usual AWS chain: environment, shared files, the role of the machine."""
    secret_access_key: Secret = ""
    """Belongs to access_key_id. A secret: also as secret_access_key_file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nats:
    """Events to a stream of NATS JetStream, by the package nats-py: pip install 'tusd-py[nats]'."""

    servers: tuple[str, ...] = ()
    """URLs such as "nats://127.0.0.1:4222" or "tls://nats.example.org"; empty switches it off."""
    stream: str = "TUSD_PY"
    """The stream; it is made if there is none."""
    subject: str = "tusd-py.events"
    """Before the kind and the upload's id: tusd-py.events.upload.stored.<id>."""
    events: tuple[str, ...] = ()
    """Kinds that are sent, `*` standing for anything; empty for all."""
    user: str = ""
    """Who we are, with password."""
    password: Secret = ""
    """Belongs to user. A secret: also as password_file."""
    token: Secret = ""
    """Or a token. A secret: also as token_file."""
    credentials: str = ""
    """Or the path of a credentials file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """tusd's hooks, version 2: asked before something happens, told after. See docs/hooks.md."""

    http: str = ""
    """URL that each hook is posted to."""
    http_forward_headers: tuple[str, ...] = ()
    """Headers of the client's request that are passed on to it."""
    http_retry: int = 3
    """How often it is tried again when it cannot be reached or answers 5xx."""
    http_backoff: Seconds = 1.0
    """Pause before that."""
    http_timeout: Seconds = 15.0
    """How long one try may take, or a program of hooks.dir."""
    http_size_limit: Bytes = 5120
    """Longest answer; of programs, too."""
    http_skip_verify: bool = False
    """Believe any TLS certificate."""
    dir: str = ""
    """Folder with executables that are named like hooks. They run before hooks.http is asked."""
    enabled_events: tuple[
        Literal[
            "pre-create",
            "post-create",
            "post-receive",
            "pre-finish",
            "post-finish",
            "pre-terminate",
            "post-terminate",
        ],
        ...,
    ] = ("pre-create", "post-create", "post-receive", "post-terminate", "post-finish")
    """Hooks that are called."""
    progress_interval: Seconds = 1.0
    """How often post-receive is called while bytes come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What happens, told to browsers and programs while it happens. See docs/events.md."""

    listeners: int = 1000
    """Connections of each worker that may listen at a time."""
    listeners_per_user: int = 32
    """Of them, those of one user."""
    allow_origin: str = ""
    """Regular expression that the whole Origin of a page elsewhere must match to open a WebSocket; empty lets
    in our own page only."""


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
    history: Seconds = 7 * DAY
    """How far the plots of the page go back: one row a minute and worker in the database, while there is
    something to do. 0 keeps nothing."""


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
    downloads: Downloads = field(default_factory=Downloads)
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    quota: Quota = field(default_factory=Quota)
    rates: Rates = field(default_factory=Rates)
    cors: Cors = field(default_factory=Cors)
    access: Access = field(default_factory=Access)
    scan: Scan = field(default_factory=Scan)
    events: Events = field(default_factory=Events)
    webhooks: Webhooks = field(default_factory=Webhooks)
    kafka: Kafka = field(default_factory=Kafka)
    sqs: Sqs = field(default_factory=Sqs)
    nats: Nats = field(default_factory=Nats)
    hooks: Hooks = field(default_factory=Hooks)
    live: Live = field(default_factory=Live)
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = field(default_factory=Log)
