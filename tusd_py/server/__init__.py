"""The HTTP faces. Nothing below this package knows HTTP."""
