"""Rows: what is known about uploads, files, jobs and workers, in SQLite or Postgres.

`database.py` is the seam; `sqlite.py` and `postgres.py` implement it and are imported only when configured.
"""
