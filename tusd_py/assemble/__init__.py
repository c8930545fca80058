"""Putting it together: the only place that knows every concrete class."""

from .serve import run_worker, serve
from .tools import fsck, migrate

__all__ = ["fsck", "migrate", "run_worker", "serve"]
