"""`protocol` and `storage_backends` are top-level packages: a foreign module of that name would shadow ours.

Belongs here: noticing that. Not here: anything else, since every import of tusd_py comes through here.
"""

import importlib.util
import os

NEIGHBOURS = ("protocol", "storage_backends")


def refuse_strangers(beside: str) -> None:
    """Raise ImportError if a package of ours is not the one that lies in the folder `beside`."""
    for name in NEIGHBOURS:
        wanted = os.path.join(beside, name)  # noqa: PTH118  # pathlib costs more than the rest of this import
        found = _location(name)
        if found != os.path.realpath(wanted):
            raise ImportError(
                f"tusd_py needs its own top-level package {name!r} at {wanted}, but Python finds "
                f"{found or 'none'}: rename that module or take its folder off sys.path.",
                name=name,
                path=found,
            )


def _location(name: str) -> str | None:
    """The real path of the package's folder, or of the module that takes its name."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # loaded by something that sets no __spec__: cannot be ours
        return f"a module {name!r} without a location"
    if spec is None:
        return None
    folders = list(spec.submodule_search_locations or ())
    place = folders[0] if folders else spec.origin
    return None if place is None else os.path.realpath(place)
