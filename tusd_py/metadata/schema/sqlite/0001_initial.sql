-- Times are integer microseconds since the epoch. "offset" is quoted: it is a reserved word elsewhere.

CREATE TABLE uploads (
    id              TEXT    PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    owner           TEXT    NOT NULL,
    metadata        TEXT    NOT NULL,             -- the raw ASCII header; may name anything, even NUL, in base64
    filename        TEXT,                         -- sanitised
    filetype        TEXT,                         -- sanitised
    length          INTEGER CHECK (length >= 0),  -- NULL while deferred
    "offset"        INTEGER NOT NULL DEFAULT 0 CHECK ("offset" >= 0 AND (length IS NULL OR "offset" <= length)),
    synced_offset   INTEGER NOT NULL DEFAULT 0,
    dirty_boot      TEXT,                         -- boot id while "offset" > synced_offset
    state           TEXT    NOT NULL,
    epoch           INTEGER NOT NULL DEFAULT 0,   -- rises with every writer; the fencing token
    holder          TEXT,                         -- the worker that writes now
    releasing_until INTEGER,
    expires_at      INTEGER,
    dialect         TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    concat          TEXT    NOT NULL DEFAULT '',  -- the raw Upload-Concat header
    key             TEXT    NOT NULL UNIQUE,
    ref             TEXT    NOT NULL,
    ref_offset      INTEGER NOT NULL DEFAULT 0,
    storage         TEXT    NOT NULL DEFAULT '{}',
    file_id         TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX uploads_held ON uploads (holder) WHERE holder IS NOT NULL;
CREATE INDEX uploads_expiring ON uploads (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX uploads_dirty ON uploads (dirty_boot) WHERE dirty_boot IS NOT NULL;
CREATE INDEX uploads_owned ON uploads (tenant, owner, created_at);

-- Closed segments on a filesystem; parts and tails on an object store; parts of the parts API.
CREATE TABLE parts (
    upload_id TEXT    NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    part_no   INTEGER NOT NULL,
    "offset"  INTEGER NOT NULL,
    length    INTEGER NOT NULL,
    state     TEXT    NOT NULL,
    etag      TEXT,
    digest    TEXT,
    epoch     INTEGER NOT NULL,
    ref       TEXT    NOT NULL,
    PRIMARY KEY (upload_id, part_no)
) STRICT, WITHOUT ROWID;

-- The plan of a final upload.
CREATE TABLE concat (
    final_id   TEXT    NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    seq        INTEGER NOT NULL,
    partial_id TEXT    NOT NULL,
    PRIMARY KEY (final_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX concat_partial ON concat (partial_id);

CREATE TABLE files (
    file_id    TEXT    PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    path       TEXT,
    filename   TEXT,
    tags       TEXT    NOT NULL DEFAULT '[]',
    version    INTEGER NOT NULL,                  -- the current one
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX files_path ON files (tenant, owner, path) WHERE path IS NOT NULL;
CREATE INDEX files_owned ON files (tenant, owner, created_at);

CREATE TABLE versions (
    file_id       TEXT    NOT NULL REFERENCES files (file_id) ON DELETE CASCADE,
    n             INTEGER NOT NULL,
    upload_id     TEXT    NOT NULL UNIQUE,
    key           TEXT    NOT NULL UNIQUE,
    ref           TEXT    NOT NULL,
    identity      TEXT    NOT NULL,               -- of the stored bytes; a verdict binds to it
    length        INTEGER NOT NULL,
    sha256        TEXT,
    declared_type TEXT,
    sniffed_type  TEXT,
    verdict       TEXT    NOT NULL,
    released_by   TEXT,
    engine        TEXT,                           -- and signature version
    lost          INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (file_id, n)
) STRICT, WITHOUT ROWID;

-- Audit log, outbox and catch-up history in one; append only.
CREATE TABLE events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    subject    TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    data       TEXT    NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX events_subject ON events (subject, id);

CREATE TABLE jobs (
    consumer      TEXT    NOT NULL,
    subject       TEXT    NOT NULL,
    due_at        INTEGER NOT NULL,
    claimed_by    TEXT,
    claimed_until INTEGER,
    attempts      INTEGER NOT NULL DEFAULT 0,
    last_error    TEXT,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (consumer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_due ON jobs (consumer, due_at);

CREATE TABLE workers (
    id          TEXT    PRIMARY KEY,
    host        TEXT    NOT NULL,
    boot_id     TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    alive_until INTEGER NOT NULL,
    buried      INTEGER NOT NULL DEFAULT 0,       -- for ever
    created_at  INTEGER NOT NULL
) STRICT;

-- Only for owners with a limit.
CREATE TABLE usage (
    tenant TEXT    NOT NULL,
    owner  TEXT    NOT NULL,
    bytes  INTEGER NOT NULL DEFAULT 0,
    files  INTEGER NOT NULL DEFAULT 0,
    open   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, owner)
) STRICT, WITHOUT ROWID;

-- One fact a row: the identity shared with the data folder, the host that owns a SQLite file.
CREATE TABLE facts (
    name       TEXT    PRIMARY KEY,
    value      TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
