-- Times are integer microseconds since the epoch; the comments of the columns are in the SQLite text.

CREATE TABLE uploads (
    id              TEXT   PRIMARY KEY,
    tenant          TEXT   NOT NULL,
    owner           TEXT   NOT NULL,
    metadata        TEXT   NOT NULL,
    filename        TEXT,
    filetype        TEXT,
    length          BIGINT CHECK (length >= 0),
    "offset"        BIGINT NOT NULL DEFAULT 0 CHECK ("offset" >= 0 AND (length IS NULL OR "offset" <= length)),
    synced_offset   BIGINT NOT NULL DEFAULT 0,
    dirty_boot      TEXT,
    state           TEXT   NOT NULL,
    epoch           BIGINT NOT NULL DEFAULT 0,
    holder          TEXT,
    releasing_until BIGINT,
    expires_at      BIGINT,
    dialect         TEXT   NOT NULL,
    kind            TEXT   NOT NULL,
    concat          TEXT   NOT NULL DEFAULT '',
    key             TEXT   NOT NULL UNIQUE,
    ref             TEXT   NOT NULL,
    ref_offset      BIGINT NOT NULL DEFAULT 0,
    storage         TEXT   NOT NULL DEFAULT '{}',
    file_id         TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);
CREATE INDEX uploads_held ON uploads (holder) WHERE holder IS NOT NULL;
CREATE INDEX uploads_expiring ON uploads (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX uploads_dirty ON uploads (dirty_boot) WHERE dirty_boot IS NOT NULL;
CREATE INDEX uploads_owned ON uploads (tenant, owner, created_at);

CREATE TABLE parts (
    upload_id TEXT   NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    part_no   BIGINT NOT NULL,
    "offset"  BIGINT NOT NULL,
    length    BIGINT NOT NULL,
    state     TEXT   NOT NULL,
    etag      TEXT,
    digest    TEXT,
    epoch     BIGINT NOT NULL,
    ref       TEXT   NOT NULL,
    PRIMARY KEY (upload_id, part_no)
);

CREATE TABLE concat (
    final_id   TEXT   NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    seq        BIGINT NOT NULL,
    partial_id TEXT   NOT NULL,
    PRIMARY KEY (final_id, seq)
);
CREATE INDEX concat_partial ON concat (partial_id);

CREATE TABLE files (
    file_id    TEXT   PRIMARY KEY,
    tenant     TEXT   NOT NULL,
    owner      TEXT   NOT NULL,
    path       TEXT,
    filename   TEXT,
    tags       TEXT   NOT NULL DEFAULT '[]',
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX files_path ON files (tenant, owner, path) WHERE path IS NOT NULL;
CREATE INDEX files_owned ON files (tenant, owner, created_at);

CREATE TABLE versions (
    file_id       TEXT   NOT NULL REFERENCES files (file_id) ON DELETE CASCADE,
    n             BIGINT NOT NULL,
    upload_id     TEXT   NOT NULL UNIQUE,
    key           TEXT   NOT NULL UNIQUE,
    ref           TEXT   NOT NULL,
    identity      TEXT   NOT NULL,
    length        BIGINT NOT NULL,
    sha256        TEXT,
    declared_type TEXT,
    sniffed_type  TEXT,
    verdict       TEXT   NOT NULL,
    released_by   TEXT,
    engine        TEXT,
    lost          BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (file_id, n)
);

-- Read in order of (tx, id) below the snapshot's xmin, so that no commit is overtaken. Partitioned by
-- time from the start, so that old history is dropped a month at a time; the default partition means that
-- a missing month never refuses an insert.
CREATE SEQUENCE events_id;
CREATE TABLE events (
    tx         xid8   NOT NULL DEFAULT pg_current_xact_id(),
    id         BIGINT NOT NULL DEFAULT nextval('events_id'),
    created_at BIGINT NOT NULL,
    subject    TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    data       TEXT   NOT NULL DEFAULT '{}',
    PRIMARY KEY (created_at, id)
) PARTITION BY RANGE (created_at);
CREATE TABLE events_default PARTITION OF events DEFAULT;
CREATE INDEX events_order ON events (tx, id);
CREATE INDEX events_subject ON events (subject, id);

CREATE TABLE jobs (
    consumer      TEXT   NOT NULL,
    subject       TEXT   NOT NULL,
    due_at        BIGINT NOT NULL,
    claimed_by    TEXT,
    claimed_until BIGINT,
    attempts      BIGINT NOT NULL DEFAULT 0,
    last_error    TEXT,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (consumer, subject)
);
CREATE INDEX jobs_due ON jobs (consumer, due_at);

CREATE TABLE workers (
    id          TEXT   PRIMARY KEY,
    host        TEXT   NOT NULL,
    boot_id     TEXT   NOT NULL,
    address     TEXT   NOT NULL,
    alive_until BIGINT NOT NULL,
    buried      BIGINT NOT NULL DEFAULT 0,
    created_at  BIGINT NOT NULL
);

CREATE TABLE usage (
    tenant TEXT   NOT NULL,
    owner  TEXT   NOT NULL,
    bytes  BIGINT NOT NULL DEFAULT 0,
    files  BIGINT NOT NULL DEFAULT 0,
    open   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, owner)
);

CREATE TABLE facts (
    name       TEXT   PRIMARY KEY,
    value      TEXT   NOT NULL,
    updated_at BIGINT NOT NULL
);
