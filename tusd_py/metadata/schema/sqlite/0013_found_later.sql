-- Files go to the full-text index some at a time: each commit of the index costs as much as many files in it.

DROP TRIGGER files_found;
DROP TRIGGER files_found_anew;
DROP TRIGGER files_lost;

-- No seq: not taken in yet. There are few of them at any time, and a search looks at each.
CREATE INDEX files_not_taken_in ON files (file_id) WHERE seq IS NULL;

CREATE TRIGGER files_taken_in AFTER UPDATE OF seq ON files WHEN OLD.seq IS NULL AND NEW.words IS NOT NULL
BEGIN
    INSERT INTO search (rowid, words) VALUES (NEW.seq, NEW.words);
END;

CREATE TRIGGER files_found_anew AFTER UPDATE OF words ON files
WHEN NEW.words IS NOT OLD.words AND OLD.seq IS NOT NULL
BEGIN
    INSERT INTO search (search, rowid, words) SELECT 'delete', OLD.seq, OLD.words WHERE OLD.words IS NOT NULL;
    INSERT INTO search (rowid, words) SELECT NEW.seq, NEW.words WHERE NEW.words IS NOT NULL;
END;

CREATE TRIGGER files_lost AFTER DELETE ON files WHEN OLD.words IS NOT NULL AND OLD.seq IS NOT NULL
BEGIN
    INSERT INTO search (search, rowid, words) VALUES ('delete', OLD.seq, OLD.words);
END;
