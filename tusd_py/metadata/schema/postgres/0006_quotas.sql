-- What each row is charged with; NULL is a row from before there was a quota.

ALTER TABLE uploads ADD COLUMN charged BIGINT;
ALTER TABLE versions ADD COLUMN charged BIGINT;
