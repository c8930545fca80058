-- What people call the machine of a worker; its host is a name that no two machines share.

ALTER TABLE workers ADD COLUMN node TEXT NOT NULL DEFAULT '';
