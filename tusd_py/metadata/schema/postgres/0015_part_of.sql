-- What a partial upload is sent for, from its beginning: until it is whole, multipart_parts does not name it.

ALTER TABLE uploads ADD COLUMN part_of TEXT;          -- NULL: it is no part of a multipart upload
ALTER TABLE uploads ADD COLUMN part_number BIGINT;
CREATE INDEX uploads_sent_as_parts ON uploads (updated_at) WHERE part_of IS NOT NULL;
