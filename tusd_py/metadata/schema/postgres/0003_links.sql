-- Share links, and the keys that other links are signed with. The comments are in the SQLite text.

CREATE TABLE signing_keys (
    generation BIGINT PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    secret     TEXT    NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);

CREATE TABLE links (
    id           TEXT    PRIMARY KEY,
    token_hash   TEXT    NOT NULL UNIQUE,
    file_id      TEXT    NOT NULL,
    version      BIGINT,
    tenant       TEXT    NOT NULL,
    owner        TEXT    NOT NULL,
    created_by   TEXT    NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    max_uses     BIGINT CHECK (max_uses > 0),
    uses         BIGINT NOT NULL DEFAULT 0 CHECK (max_uses IS NULL OR uses <= max_uses),
    last_used_at BIGINT,
    revoked_at   BIGINT
);
CREATE INDEX links_file ON links (file_id, created_at);
CREATE INDEX links_owned ON links (tenant, owner, created_at);
CREATE INDEX links_expiring ON links (expires_at);
