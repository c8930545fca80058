-- How far ahead of their rate users and addresses are, over all nodes. Worth no write-ahead log: after a crash
-- everybody begins anew.

CREATE UNLOGGED TABLE rates (
    key     BIGINT PRIMARY KEY,           -- a hash; nobody's name or address is here
    idle_at BIGINT NOT NULL
);
CREATE INDEX rates_idle ON rates (idle_at);
