"""A tus server that is right by default and wrong on demand: what the conformance suite is tested with."""

from .bugs import Bug
from .ietf.bugs import DraftBug
from .server import WrongServer

__all__ = ["Bug", "DraftBug", "WrongServer"]
