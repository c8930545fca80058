"""`/s/...`: what is given to whoever has a URL, be it a share link or a signed one of ours.

What counts as a use of a share link: a GET that gives a whole file, or a range of one, to somebody whose use
was not counted yet. The answer that was counted carries a cookie, for this link and this version only, and
further *ranges* with it are the same use; a GET without Range is always a new one. HEAD, 304, 412 and 416
give nothing, so they count nothing. A program without cookies that resumes is counted again.

Signed URLs are not counted: they live for minutes.

Belongs here: the HTTP of visitors. Not here: what a link opens (uploads/links.py), counting
(metadata/links.py), the bytes (files.py).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from protocol.errors import LinkGone, LinkNotFound, ProtocolError, TicketRefused, Unavailable
from tusd_py.access.signing import Purpose
from tusd_py.metadata.links import LinkState, Use
from tusd_py.uploads.context import Context
from tusd_py.uploads.download import bearer_of, version_of_ticket
from tusd_py.uploads.journal import Download, Journal, Via
from tusd_py.uploads.links import Links, Opened
from tusd_py.uploads.tickets import Tickets

from .files import AddressOf, Begin, Delivery, Giving, noted, send_version
from .route import Parameter, Reply, Route

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""Of a share link: 32 bytes in base64url. Tickets have a dot in them."""
_COOKIE = "tusd_resume"
# Whoever has the URL has the bytes, so no cache may keep either.
_HEADERS: Mapping[str, str] = {"Cache-Control": "private, no-store"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFace:
    """Serves visitors."""

    context: Context
    links: Links | None
    """None where there are no share links."""
    tickets: Tickets
    journal: Journal
    address_of: AddressOf
    origin_of: Callable[[web.Request], str]
    """What clients see before our paths."""
    resume: float
    """Seconds for which a counted download may be resumed."""

    async def visit(self, request: web.Request) -> web.StreamResponse:
        """GET and HEAD."""
        token = request.match_info["token"]
        try:
            return await (self._signed(request, token) if "." in token else self._shared(request, token))
        except ProtocolError as refused:
            self.context.meter.link_refused(refused.code.removeprefix("ERR_").lower())
            raise

    async def _signed(self, request: web.Request, text: str) -> web.StreamResponse:
        ticket = await self.tickets.read(text, Purpose.DOWNLOAD)
        version = await version_of_ticket(self.context, ticket)
        actor = bearer_of(ticket).actor
        download = Download(version=version, via=Via.URL, actor=actor, client=self.address_of(request))
        return await send_version(
            request, self.context, version, noted(self.context, download, headers=_HEADERS)
        )

    async def _shared(self, request: web.Request, token: str) -> web.StreamResponse:
        if self.links is None or _TOKEN.fullmatch(token) is None:
            raise LinkNotFound
        opened = await self.links.open(token)
        visit = _Visit(request=request, token=token, links=self.links, opened=opened)
        is_resumed = await self._is_resumed(visit)
        if opened.link.state is LinkState.USED_UP and not is_resumed:
            raise LinkGone
        delivery = Delivery(
            begin=self._resumed(visit) if is_resumed else self._counted(visit),
            # A URL of the store can be used again by everybody who is given it.
            may_be_sent_away=opened.link.max_uses is None,
        )
        return await send_version(request, self.context, opened.version, delivery)

    async def _is_resumed(self, visit: "_Visit") -> bool:
        cookie = visit.request.cookies.get(_COOKIE)
        if cookie is None or hdrs.RANGE not in visit.request.headers:
            return False
        try:
            ticket = await self.tickets.read(cookie, Purpose.RESUME)
        except TicketRefused:
            return False
        return (ticket.file_id, ticket.version) == (visit.digest, visit.opened.version.n)

    def _resumed(self, visit: "_Visit") -> Begin:
        async def begin(giving: Giving) -> Mapping[str, str]:
            if not giving.is_part and not giving.is_sent_away:
                # The range turned out to be none (If-Range): the whole file, once more.
                return await self._counted(visit)(giving)
            self._note(visit, giving)
            return _HEADERS

        return begin

    def _counted(self, visit: "_Visit") -> Begin:
        async def begin(giving: Giving) -> Mapping[str, str]:
            cookie = await self._cookie(visit)
            await self._count(visit)
            self._note(visit, giving)
            return {**_HEADERS, hdrs.SET_COOKIE: cookie}

        return begin

    async def _count(self, visit: "_Visit") -> None:
        opened = visit.opened
        client = self.address_of(visit.request)
        use = Use(link=opened.link, version=opened.version, actor=opened.actor, client=client)
        if opened.link.max_uses is None:
            self.journal.used(use)
            return
        if await visit.links.rows.count(use):
            self.context.meter.link_used()
            return
        again = await visit.links.open(visit.token)  # says why, if it was closed
        if again.link.state is LinkState.USED_UP:
            raise LinkGone
        raise Unavailable("the file changed in this moment; try again")

    def _note(self, visit: "_Visit", giving: Giving) -> None:
        self.context.downloaded(
            Download(
                version=visit.opened.version,
                via=Via.LINK,
                actor=visit.opened.actor,
                client=self.address_of(visit.request),
                is_part=giving.is_part,
                is_sent_away=giving.is_sent_away,
            )
        )

    async def _cookie(self, visit: "_Visit") -> str:
        link = visit.opened.link
        lifetime = min(self.resume, (link.expires_at - link.seen_at) / 1_000_000)
        version = visit.opened.version.n
        ticket, _ = await self.tickets.give(Purpose.RESUME, visit.digest, version, (), lifetime=lifetime)
        outside = urlsplit(self.origin_of(visit.request))
        secure = "; Secure" if outside.scheme == "https" else ""
        return (
            f"{_COOKIE}={ticket}; Path={outside.path}/s/{visit.token}; Max-Age={int(lifetime)}; HttpOnly; "
            f"SameSite=Lax{secure}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """One request by a share link."""

    request: web.Request
    token: str
    links: Links
    opened: Opened

    @property
    def digest(self) -> str:
        """Stands for the link and the file in the cookie. Their ids are no business of visitors: where nobody
        has a name, knowing an id is being allowed to use it."""
        said = (self.opened.link.id, self.opened.version.file_id)
        return sha256("\n".join(("tusd-py resume", *said)).encode()).hexdigest()[:32]


VISIT_ROUTES = (
    Route(
        method="GET",
        path="/s/{token}",
        name="visit",
        handle=VisitFace.visit,
        action=None,
        counts_strangers=True,
        summary="The bytes of a file, for whoever has a URL that opens it",
        parameters=(
            Parameter(
                name="token",
                where="path",
                description="What a share link or a signed URL ends with.",
                schema={"type": "string"},
            ),
        ),
        replies={
            200: Reply(description="The bytes.", media_type="*/*"),
            206: Reply(description="The range that was asked for.", media_type="*/*"),
            302: Reply(description="They are to be had from the store, for a short while."),
            304: Reply(description="What is there is what the asker has."),
        },
    ),
)
