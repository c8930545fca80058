"""Settings: what they are, where they come from, what is wrong with them.

Belongs here: the names others use. Not here: logic.
"""

from .load import Given, Loaded, load
from .problems import ConfigErrors, Layer, Origin, Problem
from .settings import Settings
from .validate import validate

__all__ = ["ConfigErrors", "Given", "Layer", "Loaded", "Origin", "Problem", "Settings", "load", "validate"]
