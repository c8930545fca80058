-- What programs prove themselves with. The secret is nowhere: only its SHA-256, which is enough for 256 random bits.

CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    note       TEXT NOT NULL DEFAULT '',
    digest     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    used_at    INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX api_keys_made ON api_keys (created_at, id);
