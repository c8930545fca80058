"""How often and how fast one user, or one address, may come.

HEAD of an upload and OPTIONS are never refused, and a PATCH only after it was made to wait: clients ask for
offsets when they are in trouble, and one that is refused then begins its file again. Bytes are never refused:
they are read more slowly, which slows their sender.

Belongs here: which requests count, and what is said. Not here: counting (access/rates.py).
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol

from aiohttp import hdrs, web

from protocol.errors import SlowDown, TooManyRequests
from protocol.headers import Headers
from protocol.tus.version import effective_method
from tusd_py.access.identity import Identity
from tusd_py.access.rates import Counted, Rate, RateTable
from tusd_py.config.settings import Settings

from .guard import is_below_base
from .identify import Identify
from .intake import Throttle
from .location import client_address, subscriber

LONGEST_WAIT = 5.0
"""Seconds that a PATCH waits for its turn."""
SLICE = 0.5
"""Seconds after which somebody who waits looks whether they still have to."""
MINUTE = 60.0
_BURST = 6
"""A burst is this part of what may come in a minute."""


class RateMeter(Protocol):
    """What is counted; calls are cheap and never fail."""

    def rate_limited(self, whose: str, how: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The settings: this host's share of each, None for no limit. Requests and bytes."""

    requests: Mapping[str, Rate]
    """By whose: "user" and "address"."""
    bytes: Mapping[str, Rate]
    status: int
    window: Mapping[str, int]
    """Requests in a minute, as clients are told; by whose."""


@dataclass(frozen=True, slots=True)
class _Told:
    whose: str
    counted: Counted


_STATE = web.RequestKey("rate_limit", _Told)
_COUNTED = web.RequestKey("rate_counted", bool)


class RateLimits:
    """The limits of one worker."""

    def __init__(self, rates: Rates, table: RateTable, settings: Settings, meter: RateMeter) -> None:
        self._rates = rates
        self._table = table
        self._settings = settings
        self._meter = meter

    def around(self, identify: Identify) -> Identify:
        """The same question; whoever asks it is counted. Raises TooManyRequests, SlowDown."""

        async def counting(request: web.Request) -> Identity:
            is_new = not request.get(_COUNTED, False)
            request[_COUNTED] = True
            if is_new:
                await self._admit(request, "address", self._address(request))
            identity = await identify(request)
            if is_new:
                await self._admit(request, "user", self._user(identity))
            return identity

        return counting

    async def admit_stranger(self, request: web.Request) -> None:
        """For routes where nobody is asked who they are. Raises TooManyRequests, SlowDown."""
        await self._admit(request, "address", self._address(request))

    def throttle_of(self, request: web.Request, identity: Identity) -> Throttle | None:
        """For the body of a request; None where it may come as fast as it can."""
        keys = {"user": self._user(identity), "address": self._address(request)}
        limits = [
            (f"bytes/{whose}/{keys[whose]}", rate) for whose, rate in self._rates.bytes.items() if keys[whose]
        ]
        if not limits:
            return None
        table = self._table
        return lambda count: max(table.push(key, count, rate).wait for key, rate in limits)

    async def stamp(self, request: web.Request, response: web.StreamResponse) -> None:
        """Say what is left (draft-ietf-httpapi-ratelimit-headers), for on_response_prepare."""
        told = request.get(_STATE)
        if told is None:
            return
        most = self._rates.window[told.whose]
        response.headers["RateLimit-Policy"] = f'"{told.whose}";q={most};w={int(MINUTE)}'
        left, reset = int(told.counted.remaining), math.ceil(told.counted.reset)
        response.headers["RateLimit"] = f'"{told.whose}";r={left};t={reset}'

    async def _admit(self, request: web.Request, whose: str, key: str) -> None:
        rate = self._rates.requests.get(whose)
        if rate is None or not key or _never_counts(request, self._settings):
            return
        method = _method_of(request, self._settings)
        name = f"requests/{whose}/{key}"
        counted = self._table.take(name, 1, rate)
        if counted.wait and method == hdrs.METH_PATCH:
            counted = await self._wait(request, name, rate, counted)
        before = request.get(_STATE)
        if before is None or counted.remaining < before.counted.remaining:
            request[_STATE] = _Told(whose, counted)
        if not counted.wait:
            return
        is_patch = method == hdrs.METH_PATCH
        self._meter.rate_limited(whose, "refused")
        # tus-js-client repeats a PATCH after any 5xx, and begins the file again after most 4xx.
        refused = SlowDown if is_patch or self._rates.status == SlowDown.status else TooManyRequests
        most = self._rates.window[whose]
        raise refused(
            f"too many requests of one {whose}, wanted at most {most} in a minute",
            headers={hdrs.RETRY_AFTER: str(max(1, math.ceil(counted.wait)))},
        )

    async def _wait(self, request: web.Request, name: str, rate: Rate, counted: Counted) -> Counted:
        """For its turn, for a while, and while the client does."""
        self._meter.rate_limited(name.split("/")[1], "delayed")
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST_WAIT
        while counted.wait and loop.time() < until and request.transport is not None:
            await asyncio.sleep(min(SLICE, counted.wait))
            counted = self._table.take(name, 1, rate)
        return counted

    def _user(self, identity: Identity) -> str:
        """Where everybody is the same one, that one has no limit of its own."""
        return "" if self._settings.access.is_open else identity.actor

    def _address(self, request: web.Request) -> str:
        text = client_address(request, self._settings)
        return subscriber(ip_address(text)) if text else ""


def _never_counts(request: web.Request, settings: Settings) -> bool:
    """It asks how far an upload is. Elsewhere HEAD costs as much as GET, and nothing is lost by a refusal."""
    method = _method_of(request, settings)
    return method == hdrs.METH_OPTIONS or (method == hdrs.METH_HEAD and is_below_base(request, settings))


def _method_of(request: web.Request, settings: Settings) -> str:
    """The one that is meant; an override means something to the tus face alone."""
    if not is_below_base(request, settings):
        return request.method
    return effective_method(request.method, Headers(request.headers.items()))


def rate_of_requests(in_a_minute: int, nodes: int, *, together: bool = False) -> Rate:
    """This node's share; of what may come at once only, where nodes count together."""
    share = in_a_minute / nodes
    return _rate(in_a_minute / MINUTE, max(1.0, share / _BURST), nodes, together=together)


def rate_of_bytes(in_a_second: int, nodes: int, *, together: bool = False) -> Rate:
    """The same; a second's worth at once."""
    return _rate(float(in_a_second), max(1.0, in_a_second / nodes), nodes, together=together)


def _rate(per_second: float, burst: float, nodes: int, *, together: bool) -> Rate:
    if not together:
        return Rate(per_second=per_second / nodes, burst=burst)
    return Rate(per_second=per_second, burst=burst, others=burst * (nodes - 1) / per_second)
