-- What each row is charged with; NULL is a row from before there was a quota.

ALTER TABLE uploads ADD COLUMN charged INTEGER;
ALTER TABLE versions ADD COLUMN charged INTEGER;
