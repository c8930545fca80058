-- Whose each event is: readers ask for their own, and the rows it is about are forgotten sooner.

ALTER TABLE events ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN file_id TEXT NOT NULL DEFAULT '';
