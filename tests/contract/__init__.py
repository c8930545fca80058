"""One suite for each seam; every implementation passes the same."""
