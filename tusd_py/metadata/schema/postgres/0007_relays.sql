-- Events on their way to other systems; the comments of the columns are in the SQLite text.

CREATE TABLE relays (
    name       TEXT   PRIMARY KEY,
    cursor     TEXT   NOT NULL,
    holder     TEXT,
    epoch      BIGINT NOT NULL DEFAULT 0,
    held_until BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL
);

CREATE TABLE deliveries (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relay      TEXT   NOT NULL,
    event_id   TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    tenant     TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    tries      BIGINT NOT NULL,
    refusals   BIGINT NOT NULL,
    due_at     BIGINT NOT NULL,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (relay, state, due_at);
CREATE INDEX deliveries_order ON deliveries (relay, subject, id);
