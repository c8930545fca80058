-- Share links, and the keys that other links are signed with.

CREATE TABLE signing_keys (
    generation INTEGER PRIMARY KEY,   -- the highest one signs
    id         TEXT    NOT NULL UNIQUE,
    secret     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER                -- another one signs since then; what this one signed still counts
) STRICT;

CREATE TABLE links (
    id           TEXT    PRIMARY KEY,
    token_hash   TEXT    NOT NULL UNIQUE,      -- of what is in the URL, which is kept nowhere
    file_id      TEXT    NOT NULL,
    version      INTEGER,                      -- NULL is the current one, whichever that is
    tenant       TEXT    NOT NULL,             -- of the file
    owner        TEXT    NOT NULL,
    created_by   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    max_uses     INTEGER CHECK (max_uses > 0), -- NULL is no limit
    uses         INTEGER NOT NULL DEFAULT 0 CHECK (max_uses IS NULL OR uses <= max_uses),
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT;
CREATE INDEX links_file ON links (file_id, created_at);
CREATE INDEX links_owned ON links (tenant, owner, created_at);
CREATE INDEX links_expiring ON links (expires_at);
