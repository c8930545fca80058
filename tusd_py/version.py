"""Which release this is.

Belongs here: finding that out. Not here: printing it (cli).
"""

from functools import cache

UNKNOWN = "0+unknown"
"""Said when the package runs from a source tree that was never installed."""


@cache
def version() -> str:
    """The installed distribution's version."""
    from importlib import metadata  # noqa: PLC0415  # slow to import, seldom asked

    try:
        return metadata.version("tusd-py")
    except metadata.PackageNotFoundError:
        return UNKNOWN
