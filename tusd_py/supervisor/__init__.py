"""Several workers on one host: started together, restarted when they die, ended together."""

from .supervise import run_supervisor

__all__ = ["run_supervisor"]
