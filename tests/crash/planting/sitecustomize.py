"""Python imports this by itself, in a server that was started with `planted.environ`."""

import os

from tests.crash.planted import VARIABLE, plant

plant(os.environ[VARIABLE])
