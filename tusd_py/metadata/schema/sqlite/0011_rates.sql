-- Rates over several nodes, which there are on Postgres alone. Here so that both have the same migrations.

CREATE TABLE rates (
    key     INTEGER PRIMARY KEY,
    idle_at INTEGER NOT NULL
);
