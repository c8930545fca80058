-- The catalogue: versions, changes, and what files are found by. The comments are in the SQLite text.

ALTER TABLE files ADD COLUMN last_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE files ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE files ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN words TEXT;
ALTER TABLE versions ADD COLUMN metadata TEXT NOT NULL DEFAULT '';

UPDATE files SET last_version = version, updated_at = created_at;
UPDATE versions
SET metadata = coalesce((SELECT u.metadata FROM uploads u WHERE u.id = versions.upload_id), '');

-- Words come ready-cut and folded: no parser and no dictionary has to guess.
ALTER TABLE files ADD COLUMN search tsvector
    GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED;
-- New words wait in a list that every search reads: a short one.
CREATE INDEX files_search ON files USING gin (search) WITH (fastupdate = on, gin_pending_list_limit = 512);
CREATE INDEX files_unindexed ON files (file_id) WHERE words IS NULL;
DROP INDEX files_owned;
CREATE INDEX files_owned ON files (tenant, owner, created_at, file_id);
CREATE INDEX files_of_tenant ON files (tenant, created_at, file_id);
CREATE INDEX uploads_unfinished ON uploads (tenant, created_at, id)
    WHERE state IN ('created', 'receiving', 'waiting', 'completing');
