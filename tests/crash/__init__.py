"""Faults against the real program: kills, power cuts, frozen workers, hostile input; and planted bugs.

`python -m tests.crash` runs them long and prints a table; the test files here run a slice.
"""
