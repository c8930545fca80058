-- What happened minute by minute, for the plots of operators.

CREATE TABLE minutes (
    at       INTEGER NOT NULL,            -- when the minute began
    worker   TEXT    NOT NULL,
    created  INTEGER NOT NULL,            -- uploads
    finished INTEGER NOT NULL,            -- uploads
    received INTEGER NOT NULL,            -- bytes
    jobs     INTEGER NOT NULL,            -- waiting or running when it was counted
    PRIMARY KEY (at, worker)
) STRICT, WITHOUT ROWID;
