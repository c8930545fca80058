"""The mark of requests that speak the IETF draft: whoever refuses one does it in its words."""

from dataclasses import dataclass

from aiohttp import web

from protocol.ietf.interop import Interop


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What such a request speaks."""

    interop: Interop
    limit: dict[str, str]
    """Upload-Limit of any upload; of their own, once it is known who asks."""


SPOKEN = web.RequestKey("spoken", Spoken)
