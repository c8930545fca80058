"""Every case, in the order in which they are run.

Belongs here: the list. Not here: a case.
"""

from .beside import HEAD, MIXED
from .case import Case
from .full import FULL
from .large import LARGE, LARGE_ON_DISK, MANY_PATCHES, PATCHES, TWIN
from .many import IDLE, SLOW
from .power import POWER
from .s3 import S3_SINK, S3_SLOW
from .small import SMALL_POWER, SMALL_UPLOADS

CASES: tuple[Case, ...] = (
    TWIN,
    LARGE,
    LARGE_ON_DISK,
    PATCHES,
    MANY_PATCHES,
    POWER,
    SMALL_UPLOADS,
    SMALL_POWER,
    HEAD,
    MIXED,
    IDLE,
    SLOW,
    FULL,
    S3_SINK,
    S3_SLOW,
)
