"""The command `tusd-py`.

Belongs here: the console script's entry.
Not here: anything heavy; commands import what they need when they run.
"""

from .entry import main

__all__ = ["main"]
