-- Uploads whose parts come in any order, each as a partial upload; see tusd_py/metadata/multiparts.py.

CREATE TABLE multiparts (
    id         TEXT    PRIMARY KEY,   -- of the upload that it becomes
    tenant     TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    metadata   TEXT    NOT NULL,
    length     INTEGER,               -- NULL: its client did not say
    key        TEXT    NOT NULL,
    file_id    TEXT    NOT NULL,
    charged    INTEGER,               -- NULL: begun where there was no quota
    created_at INTEGER NOT NULL,
    expires_at INTEGER                -- NULL: never
) STRICT;
CREATE INDEX multiparts_expiring ON multiparts (expires_at);
CREATE INDEX multiparts_owned ON multiparts (tenant, owner);

CREATE TABLE multipart_parts (
    multipart_id TEXT    NOT NULL,
    number       INTEGER NOT NULL,
    upload_id    TEXT    NOT NULL,    -- the partial upload that has its bytes
    PRIMARY KEY (multipart_id, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX multipart_parts_upload ON multipart_parts (upload_id);
