"""The aiohttp application over a running service.

Belongs here: which faces there are. Not here: their routes (server/routes.py), who runs the server
(serve.py).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

from aiohttp import web

from tusd_py.config.effective import Sources
from tusd_py.config.settings import Settings
from tusd_py.metadata.catalogue import CatalogueRows
from tusd_py.metadata.progress import ProgressRows
from tusd_py.metadata.search import Search
from tusd_py.metadata.usage import UsageRows
from tusd_py.server.access_face import AccessFace
from tusd_py.server.api import Api
from tusd_py.server.errors import install
from tusd_py.server.files_api import FilesApi
from tusd_py.server.guard import is_same_origin
from tusd_py.server.health import Health, Readiness
from tusd_py.server.identify import Identify, make_visitors
from tusd_py.server.json_bodies import WITHIN
from tusd_py.server.lane import Lane
from tusd_py.server.live import Live, origin_rule
from tusd_py.server.location import public_origin
from tusd_py.server.metrics import Metrics
from tusd_py.server.operator import Operator
from tusd_py.server.page import make_page
from tusd_py.server.rate_limits import RateLimits
from tusd_py.server.routes import describe, register
from tusd_py.server.shortcut import SHORTCUT, Shortcut
from tusd_py.server.tus import TusFace
from tusd_py.server.uploads_api import UploadsApi
from tusd_py.version import version

from .access import newest_key
from .admin import admin_faces
from .faces import make_file_face, make_link_face, make_multipart_face, make_tus_face, make_visit_face
from .hooks import has_hooks, hooks_middleware, telling_hooks
from .limits import make_quotas, make_rate_limits
from .outbox import relay_names
from .service import Service


def make_app(
    settings: Settings,
    service: Service,
    metrics: Metrics,
    readiness: Readiness,
    *,
    sources: Sources | None = None,
) -> web.Application:
    """Every face of one worker. `sources` says where the settings came from."""
    app = web.Application()
    app[WITHIN] = settings.timeouts.json
    seam = install(app, settings, meter=metrics)
    readiness.add("database", service.database_answers)
    readiness.add("storage", service.storage_answers)
    if service.scanning is not None:
        # Without it uploads go on, only downloads of new files wait.
        readiness.add("scanner", service.scanning.is_proven, required=False)

    visitors = make_visitors(settings, service.authenticator, metrics)
    identify = telling_hooks(settings, visitors)
    if has_hooks(settings):
        app.middlewares.append(hooks_middleware())
    limits = make_rate_limits(settings, service.rates, metrics)
    if limits is not None:
        identify = limits.around(identify)
        app.on_response_prepare.append(limits.stamp)
    faces: list[object] = []
    described = cache(lambda: describe(faces, base_path=settings.server.base_path, version=version()))
    faces += _faces(settings, service, readiness, identify, limits=limits, described=described)
    faces += admin_faces(settings, sources or {}, service, identify)
    for face in faces:
        if isinstance(face, Live):
            app.on_shutdown.append(face.close)
    counts = {} if limits is None else {"count": limits.admit_stranger}
    register(app, faces, base_path=settings.server.base_path, identify=identify, **counts)
    tus = next(face for face in faces if isinstance(face, TusFace))
    app[SHORTCUT] = Shortcut(
        seam=seam, handler=tus.handle, settings=settings, lane=Lane(tus, seam, visitors.again)
    )
    return app


def _faces(
    settings: Settings,
    service: Service,
    readiness: Readiness,
    identify: Identify,
    *,
    limits: RateLimits | None,
    described: Callable[[], Mapping[str, Any]],
) -> Iterator[object]:
    yield Health(readiness=readiness)
    if (page := make_page(settings)) is not None:
        yield page
    yield make_tus_face(settings, service, identify, limits)
    if not settings.uploads.disable_download:
        yield make_file_face(settings, service, identify)
        yield make_visit_face(settings, service)
        if settings.downloads.share_links:
            yield make_link_face(settings, service, identify)
    catalogue = CatalogueRows(service.database, service.context.rows.author)
    yield FilesApi(
        context=service.context,
        identify=identify,
        catalogue=catalogue,
        search=Search(service.database),
        kick_jobs=service.jobs.kick,
    )
    yield UploadsApi(
        context=service.context,
        identify=identify,
        progress=ProgressRows(service.database),
        catalogue=catalogue,
    )
    if not settings.uploads.disable_multipart:
        yield make_multipart_face(settings, service, identify, limits)
    yield AccessFace(
        context=service.context,
        settings=settings,
        identify=identify,
        newest_key=partial(newest_key, service.database),
    )
    yield Api(
        identify=identify,
        usage=UsageRows(service.database),
        quota_of=make_quotas(settings),
        described=described,
    )
    yield Live(
        identify=identify,
        feed=service.feed,
        installation=service.installation,
        rules=origin_rule(
            lambda request, origin: is_same_origin(origin, public_origin(request, settings)),
            settings.live.allow_origin,
        ),
    )
    yield Operator(
        identify=identify,
        database=service.database,
        installation=service.installation,
        relays=relay_names(settings),
    )
