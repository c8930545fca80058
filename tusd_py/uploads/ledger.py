"""The rows of one upload, as its storage backend may use them (`storage_backends.base.Ledger`).

Belongs here: that view. Not here: statements (metadata/kept.py), what backends keep.
"""

from collections.abc import Callable, Sequence

from protocol.upload import Upload
from storage_backends.base import About, Kept, Part
from tusd_py.metadata.kept import KeptRows
from tusd_py.metadata.upload_row import NewUpload


class Overtaken(Exception):
    """Another writer moved on: nothing may be said about the offset, and our bytes are dropped."""


class RowLedger:
    """As of the epoch that `upload` has."""

    def __init__(self, rows: KeptRows, upload: Upload, new_ref: Callable[[str], str]) -> None:
        """`new_ref` makes names for attempts under a key."""
        self._rows = rows
        self._upload = upload
        self._new_ref = new_ref

    @property
    def about(self) -> About:
        return about(self._upload)

    async def recall(self) -> Kept:
        """Raises Overtaken when the row is gone."""
        kept = await self._rows.find(self._upload.id)
        if kept is None:
            raise Overtaken
        return kept

    async def parts(self) -> Sequence[Part]:
        return await self._rows.parts(self._upload.id)

    async def remember(self, memory: str, *, instead_of: str) -> None:
        """Raises Overtaken, DatabaseError."""
        if not await self._rows.remember(self._upload, memory, instead_of=instead_of):
            raise Overtaken

    def new_ref(self) -> str:
        return self._new_ref(self._upload.key)


def about(upload: Upload | NewUpload) -> About:
    """What its object may say of itself."""
    return About(upload_id=upload.id, filename=upload.filename, media_type=upload.filetype)
