"""The faces of a running service: what answers requests, wherever it is mounted."""

from tusd_py.config.settings import Settings
from tusd_py.server.identify import Identify
from tusd_py.server.intake import BodyDeadlines
from tusd_py.server.location import upload_url
from tusd_py.server.tus import TusFace

from .service import Service


def make_tus_face(settings: Settings, service: Service, identify: Identify) -> TusFace:
    """The tus face at `server.base_path`."""
    timeouts = settings.timeouts
    return TusFace(
        context=service.context,
        base_path=settings.server.base_path,
        deadlines=BodyDeadlines(
            idle=timeouts.network, rate=timeouts.minimum_rate, window=timeouts.minimum_rate_window
        ),
        identify=identify,
        url_of=lambda request, upload_id: upload_url(request, settings, upload_id),
        serves_downloads=not settings.uploads.disable_download,
        kick_jobs=service.jobs.kick,
    )
