"""The faces for operators, over a running service."""

from collections.abc import Iterator

from storage_backends.base import StorageError
from tusd_py.config.effective import Sources
from tusd_py.config.settings import Settings
from tusd_py.log import get_logger
from tusd_py.metadata.files import Version
from tusd_py.metadata.jobs import JobRows
from tusd_py.metadata.minutes import MinuteRows
from tusd_py.metadata.totals import TotalRows
from tusd_py.metadata.workers import WorkerRows
from tusd_py.server.admin_face import AdminFace
from tusd_py.server.identify import Identify
from tusd_py.server.quarantine_face import QuarantineFace
from tusd_py.uploads.quarantine import Quarantine

from .service import Service

log = get_logger("tusd_py")


def admin_faces(
    settings: Settings, sources: Sources, service: Service, identify: Identify
) -> Iterator[object]:
    """What operators ask for over HTTP."""
    database, backend = service.database, service.context.backend

    async def delete_bytes(version: Version) -> None:
        try:
            await backend.delete([version.ref])
        except StorageError as failed:
            log.warning("quarantine.bytes_left", file_id=version.file_id, error=str(failed))

    yield AdminFace(
        identify=identify,
        settings=settings,
        sources=sources,
        minutes=MinuteRows(database),
        totals=TotalRows(database),
        jobs=JobRows(database),
        workers=WorkerRows(database),
    )
    yield QuarantineFace(
        identify=identify,
        quarantine=Quarantine(files=service.context.files, scans=service.scans, delete_bytes=delete_bytes),
    )
