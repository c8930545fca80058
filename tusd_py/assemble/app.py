"""The aiohttp application over a running service.

Belongs here: which routes there are. Not here: what they do (server/), who runs the server (serve.py).
"""

from aiohttp import web

from tusd_py.access.identity import Identity
from tusd_py.config.settings import Settings
from tusd_py.server.errors import install
from tusd_py.server.expect import expect_handler
from tusd_py.server.file_face import FileFace
from tusd_py.server.health import Readiness, add_health
from tusd_py.server.identify import Identify, identify_anonymous
from tusd_py.server.metrics import Metrics
from tusd_py.server.page import add_page

from .faces import make_tus_face
from .service import Service


def make_app(settings: Settings, service: Service, metrics: Metrics, readiness: Readiness) -> web.Application:
    """Every face of one worker."""
    app = web.Application()
    install(app, settings, meter=metrics)
    readiness.add("database", service.database_answers)
    readiness.add("storage", service.storage_answers)
    if service.scanning is not None:
        # Without it uploads go on, only downloads of new files wait.
        readiness.add("scanner", service.scanning.is_proven, required=False)
    add_health(app, readiness)
    add_page(app, settings)

    async def identify(request: web.Request) -> Identity:
        return await identify_anonymous(request, settings)

    _add_tus(app, settings, service, identify)
    if not settings.uploads.disable_download:
        files = FileFace(context=service.context, identify=identify)
        app.router.add_get("/file/{file_id}", files.handle)
    return app


def _add_tus(app: web.Application, settings: Settings, service: Service, identify: Identify) -> None:
    face = make_tus_face(settings, service, identify)
    base = settings.server.base_path
    # One route for every method: X-HTTP-Method-Override decides later which one is meant.
    app.router.add_route("*", base + "{name:.*}", face.handle, expect_handler=expect_handler)
    if base != "/":
        app.router.add_route("*", base.rstrip("/"), face.handle, expect_handler=expect_handler)
