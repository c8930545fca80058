"""Events on their way to other systems: at least once, in the order of each upload."""
