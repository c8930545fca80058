"""The faces of a running service: what answers requests, wherever it is mounted."""

import secrets
from collections.abc import Callable

from aiohttp import web

from protocol.upload import UploadId
from tusd_py.config.settings import Settings
from tusd_py.metadata.direct import DirectRows
from tusd_py.metadata.multiparts import MultipartRows
from tusd_py.metadata.progress import ProgressRows
from tusd_py.server.bodies import Bodies
from tusd_py.server.file_face import FileFace
from tusd_py.server.files import AddressOf
from tusd_py.server.identify import Identify
from tusd_py.server.ietf import IetfFace
from tusd_py.server.intake import BodyDeadlines
from tusd_py.server.link_face import LinkFace
from tusd_py.server.location import client_address, is_forwarded, public_origin, upload_url
from tusd_py.server.multipart_face import MultipartFace
from tusd_py.server.rate_limits import RateLimits
from tusd_py.server.tus import TusFace
from tusd_py.server.visit_face import VisitFace
from tusd_py.uploads.direct import Directs
from tusd_py.uploads.multipart import Multiparts

from .service import Service
from .sharing import LINK_TOKEN_BYTES


def address_kept(settings: Settings) -> AddressOf:
    """What of a reader's address goes to the journal."""

    def address_of(request: web.Request) -> str | None:
        return client_address(request, settings) or None

    return address_of if settings.downloads.record_addresses else lambda _request: None


def make_tus_face(
    settings: Settings, service: Service, identify: Identify, limits: RateLimits | None = None
) -> TusFace:
    """The tus face at `server.base_path`."""
    bodies = _bodies(settings, limits)

    def url_of(request: web.Request, upload_id: UploadId) -> str:
        return upload_url(request, settings, upload_id)

    return TusFace(
        context=service.context,
        base_path=settings.server.base_path,
        bodies=bodies,
        identify=identify,
        url_of=url_of,
        address_of=address_kept(settings),
        serves_downloads=not settings.uploads.disable_download,
        kick_jobs=service.jobs.kick,
        ietf=IetfFace(
            context=service.context,
            bodies=bodies,
            identify=identify,
            url_of=url_of,
            kick_jobs=service.jobs.kick,
            may_tell=_may_tell(settings),
        )
        if settings.uploads.enable_experimental_protocol
        else None,
    )


def _bodies(settings: Settings, limits: RateLimits | None) -> Bodies:
    timeouts = settings.timeouts
    deadlines = BodyDeadlines(
        idle=timeouts.network, rate=timeouts.minimum_rate, window=timeouts.minimum_rate_window
    )
    return Bodies(deadlines=deadlines, limits=limits)


def _may_tell(settings: Settings) -> Callable[[web.Request], bool]:
    """Interim responses pass whatever is between us and a client."""
    told = settings.server.interim_responses
    return lambda request: told == "always" or (told == "direct" and not is_forwarded(request))


def make_file_face(settings: Settings, service: Service, identify: Identify) -> FileFace:
    """Downloads by file id."""
    return FileFace(
        context=service.context,
        identify=identify,
        tickets=service.sharing.tickets,
        address_of=address_kept(settings),
        origin_of=lambda request: public_origin(request, settings),
        url_expiry=settings.downloads.url_expiry,
        gives_urls=settings.downloads.mode == "link",
    )


def make_multipart_face(
    settings: Settings, service: Service, identify: Identify, limits: RateLimits | None = None
) -> MultipartFace:
    """Uploads in parts."""
    author, s3 = service.context.rows.author, settings.s3
    return MultipartFace(
        multiparts=Multiparts(context=service.context, rows=MultipartRows(service.database, author)),
        directs=Directs(
            context=service.context,
            rows=DirectRows(service.database, author),
            expiry=int(s3.s3_direct_expiry) if s3.s3_direct else None,
        ),
        bodies=_bodies(settings, limits),
        identify=identify,
        progress=ProgressRows(service.database),
        metadata_limit=settings.uploads.max_metadata,
        origin_of=lambda request: public_origin(request, settings),
        clock=service.context.clock,
        kick_jobs=service.jobs.kick,
    )


def make_link_face(settings: Settings, service: Service, identify: Identify) -> LinkFace:
    """Share links, for those who make them."""
    return LinkFace(
        identify=identify,
        links=service.sharing.links,
        origin_of=lambda request: public_origin(request, settings),
        new_token=lambda: secrets.token_urlsafe(LINK_TOKEN_BYTES),
    )


def make_visit_face(settings: Settings, service: Service) -> VisitFace:
    """What opens to whoever has a URL."""
    sharing = service.sharing
    return VisitFace(
        context=service.context,
        links=sharing.links if settings.downloads.share_links else None,
        tickets=sharing.tickets,
        journal=sharing.journal,
        address_of=address_kept(settings),
        origin_of=lambda request: public_origin(request, settings),
        resume=settings.downloads.share_resume,
    )
