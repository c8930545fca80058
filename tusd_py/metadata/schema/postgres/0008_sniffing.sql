-- What the first bytes of an upload look like, and these bytes while they are too few to tell.

ALTER TABLE uploads ADD COLUMN sniffed_type TEXT;
ALTER TABLE uploads ADD COLUMN head TEXT;
