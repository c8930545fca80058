-- What happened minute by minute, for the plots of operators.

CREATE TABLE minutes (
    at       BIGINT NOT NULL,             -- when the minute began
    worker   TEXT   NOT NULL,
    created  BIGINT NOT NULL,             -- uploads
    finished BIGINT NOT NULL,             -- uploads
    received BIGINT NOT NULL,             -- bytes
    jobs     BIGINT NOT NULL,             -- waiting or running when it was counted
    PRIMARY KEY (at, worker)
);
