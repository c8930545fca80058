-- Events on their way to other systems: how far each of those is, and what it did not take.

CREATE TABLE relays (
    name       TEXT    PRIMARY KEY,
    cursor     TEXT    NOT NULL,              -- everything up to here was taken, or is in deliveries
    holder     TEXT,                          -- the worker that delivers now
    epoch      INTEGER NOT NULL DEFAULT 0,    -- rises with every holder; the fencing token
    held_until INTEGER NOT NULL DEFAULT 0,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE deliveries (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,  -- rises in the order of the events of a relay
    relay      TEXT    NOT NULL,
    event_id   TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    tenant     TEXT    NOT NULL,
    body       TEXT    NOT NULL,                   -- as it was sent, and will be again
    state      TEXT    NOT NULL,
    tries      INTEGER NOT NULL,
    refusals   INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_due ON deliveries (relay, state, due_at);
CREATE INDEX deliveries_order ON deliveries (relay, subject, id);
