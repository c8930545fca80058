-- What a scanner said, beside its verdict.

ALTER TABLE versions ADD COLUMN finding TEXT;
ALTER TABLE versions ADD COLUMN scanned_at INTEGER;
CREATE INDEX versions_unscanned ON versions (created_at) WHERE verdict = 'unknown';
CREATE INDEX versions_quarantined ON versions (file_id, n) WHERE verdict IN ('infected', 'unscannable');
