"""Where bytes live: one seam (`base`), several backends behind it.

Belongs here: bytes and the names they are kept under. Not here: rows, leases, HTTP.
A backend is imported from its own module, and only where it is configured.
"""
