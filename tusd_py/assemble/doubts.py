"""What an operator must know at every start, however the service is started."""

from tusd_py.config.settings import Settings
from tusd_py.log import get_logger

from .scanning import is_configured

log = get_logger("tusd_py")


def warn_of(settings: Settings) -> None:
    """Log what these settings do not protect from."""
    if is_configured(settings):
        log.info("scan.on", clamd=settings.scan.clamd_socket or settings.scan.clamd_host)
    else:
        log.warning("scan.off", meaning="no scanner is configured: files are served without a verdict")
    if settings.storage.durability == "process":
        log.warning("durability.process", meaning="acknowledged bytes survive kill -9, but not a power cut")
    if not settings.storage.sweep_interval:
        log.warning("sweep.off", meaning="bytes that no row names are kept")
    if settings.storage.backend == "memory":
        log.warning("storage.memory", meaning="everything is forgotten at exit")
