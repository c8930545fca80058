"""Who runs a command: the name under which the events table remembers it."""

import getpass
import os


def operator() -> str:
    """The user of this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Containers run as users that have no name.
        return f"uid {os.getuid()}"
