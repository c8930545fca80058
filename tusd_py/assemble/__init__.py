"""Putting it together: the only place that knows every concrete class."""

from .quarantine import decide, list_quarantine, rescan
from .serve import run_worker, serve
from .tools import fsck, migrate

__all__ = ["decide", "fsck", "list_quarantine", "migrate", "rescan", "run_worker", "serve"]
