"""Downloads of finished files, by file id: `/file/{file_id}` is the current version."""

from dataclasses import dataclass

from aiohttp import web

from protocol.errors import NotFound, UploadNotFound
from protocol.upload import parse_upload_id
from tusd_py.uploads.context import Context
from tusd_py.uploads.download import current_version

from .files import send_version
from .identify import Identify


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFace:
    """Serves files."""

    context: Context
    identify: Identify

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """GET and HEAD."""
        try:
            # File ids have the form of upload ids, and the same strict way in.
            file_id = parse_upload_id(request.match_info["file_id"])
        except UploadNotFound:
            raise NotFound from None
        version = await current_version(self.context, await self.identify(request), file_id)
        return await send_version(request, self.context, version)
