-- What the client of an upload said that all of it hashes to. It is compared when all bytes are here, whichever
-- worker is there then.

ALTER TABLE uploads ADD COLUMN repr_digest TEXT;      -- NULL: it said nothing, or that was compared already
