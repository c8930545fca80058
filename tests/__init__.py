"""The tests. `harness` holds what several of them share; docs/testing.md says what runs where."""

import os

# Programs are started hundreds of times, and most of a start is importing. Without bytecode on disk, which an
# installed package has, each compiles everything anew, for another half a second of CPU.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
