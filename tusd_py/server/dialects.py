"""Which of our languages a request spoke, for whoever counts them.

Belongs here: telling them apart, afterwards. Not here: which face answers (routes.py, tus.py).
"""

from enum import StrEnum

from aiohttp import hdrs, web

from tusd_py.config.settings import Settings

from .guard import is_below_base
from .spoken import SPOKEN

DIRECT_PARTS = web.RequestKey("direct_parts", bool)
"""Set where it is about an upload whose parts go to the store itself: only the upload says so."""

_OF_UPLOADS = frozenset({hdrs.METH_POST, hdrs.METH_HEAD, hdrs.METH_PATCH, hdrs.METH_DELETE})


class Spoke(StrEnum):
    """The label of a metric."""

    TUS = "tus"
    IETF = "ietf"
    MULTIPART = "multipart"
    DIRECT = "direct"
    API = "api"
    OTHER = "other"
    """Downloads, pages, preflights: what every HTTP client does alike."""


def spoke(request: web.BaseRequest, settings: Settings) -> Spoke:
    """To be asked when it was answered: of some only the upload says what they are."""
    if SPOKEN in request:
        return Spoke.IETF
    path = request.rel_url.raw_path
    if is_below_base(request, settings):
        return Spoke.TUS if request.method in _OF_UPLOADS else Spoke.OTHER
    if path.startswith("/upload/"):
        return Spoke.DIRECT if DIRECT_PARTS in request else Spoke.MULTIPART
    return Spoke.API if path.startswith("/api/") else Spoke.OTHER
