"""The server of the tests of access: it knows several users, and whose each file is."""

from tests.access.conftest import guarded

__all__ = ["guarded"]
