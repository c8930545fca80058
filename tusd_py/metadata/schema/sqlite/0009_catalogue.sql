-- The catalogue: versions, changes, and what files are found by.

ALTER TABLE files ADD COLUMN last_version INTEGER NOT NULL DEFAULT 1;  -- given out so far; none is used twice
ALTER TABLE files ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;      -- rises with every change of the row
ALTER TABLE files ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN words TEXT;                               -- words.py; NULL is not indexed yet
ALTER TABLE files ADD COLUMN seq INTEGER;                              -- the row's place in the index
ALTER TABLE versions ADD COLUMN metadata TEXT NOT NULL DEFAULT '';     -- the raw header of its upload

UPDATE files SET last_version = version, updated_at = created_at, seq = rowid;
UPDATE versions
SET metadata = coalesce((SELECT u.metadata FROM uploads u WHERE u.id = versions.upload_id), '');

CREATE UNIQUE INDEX files_seq ON files (seq);
CREATE INDEX files_unindexed ON files (file_id) WHERE words IS NULL;
DROP INDEX files_owned;
CREATE INDEX files_owned ON files (tenant, owner, created_at, file_id);
CREATE INDEX files_of_tenant ON files (tenant, created_at, file_id);
CREATE INDEX uploads_unfinished ON uploads (tenant, created_at, id)
    WHERE state IN ('created', 'receiving', 'waiting', 'completing');

-- Words come ready-cut and folded: the tokenizer only has to split at spaces. Without positions (detail) and
-- sizes, which only ranking and phrases want, it is half as large; the text itself is in files.
CREATE VIRTUAL TABLE search USING fts5 (
    words, content = '', columnsize = 0, detail = none, prefix = '2 3', tokenize = 'ascii'
);

CREATE TRIGGER files_found AFTER INSERT ON files
BEGIN
    UPDATE files SET seq = coalesce((SELECT max(seq) FROM files), 0) + 1 WHERE rowid = NEW.rowid;
    INSERT INTO search (rowid, words)
    SELECT seq, words FROM files WHERE rowid = NEW.rowid AND words IS NOT NULL;
END;

CREATE TRIGGER files_found_anew AFTER UPDATE OF words ON files WHEN NEW.words IS NOT OLD.words
BEGIN
    INSERT INTO search (search, rowid, words) SELECT 'delete', OLD.seq, OLD.words WHERE OLD.words IS NOT NULL;
    INSERT INTO search (rowid, words) SELECT NEW.seq, NEW.words WHERE NEW.words IS NOT NULL;
END;

CREATE TRIGGER files_lost AFTER DELETE ON files WHEN OLD.words IS NOT NULL
BEGIN
    INSERT INTO search (search, rowid, words) VALUES ('delete', OLD.seq, OLD.words);
END;
