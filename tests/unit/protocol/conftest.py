"""How hypothesis runs here: no deadline, as a busy machine is no bug, and failures print their seed."""

from hypothesis import settings

settings.register_profile("protocol", deadline=None, print_blob=True)
settings.load_profile("protocol")
