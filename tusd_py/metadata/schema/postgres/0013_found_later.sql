-- Nothing: new words of files wait in a list of the index's own here (fastupdate), and in SQLite from now on.

SELECT 1;
