-- Uploads whose parts come in any order. The comments are in the SQLite text.

CREATE TABLE multiparts (
    id         TEXT   PRIMARY KEY,
    tenant     TEXT   NOT NULL,
    owner      TEXT   NOT NULL,
    metadata   TEXT   NOT NULL,
    length     BIGINT,
    key        TEXT   NOT NULL,
    file_id    TEXT   NOT NULL,
    charged    BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX multiparts_expiring ON multiparts (expires_at);
CREATE INDEX multiparts_owned ON multiparts (tenant, owner);

CREATE TABLE multipart_parts (
    multipart_id TEXT   NOT NULL,
    number       BIGINT NOT NULL,
    upload_id    TEXT   NOT NULL,
    PRIMARY KEY (multipart_id, number)
);
CREATE UNIQUE INDEX multipart_parts_upload ON multipart_parts (upload_id);
