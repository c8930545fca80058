"""Sending files to any tus 1.0.0 server, and going on where that stopped.

    async with TusClient("https://example.org/files/", store=FileStore.of_user()) as client:
        uploaded = await client.upload("photo.jpg", metadata={"album": "holiday"})

Belongs here: the names that programs use. Not here: the command `tusd-py upload` (cli), our server.
"""

from .client import TusClient, Uploaded
from .errors import (
    BadOptions,
    GaveUp,
    NotOffered,
    NotTus,
    Rejected,
    SourceChanged,
    SourceSpent,
    SourceUnreadable,
    StoreFailed,
    UnderWay,
    UploadError,
    UploadGone,
    WrongAnswer,
)
from .file_store import FileStore
from .options import Options, Retries
from .progress import Progress
from .store import MemoryStore, Remembered, Store

__all__ = [
    "BadOptions",
    "FileStore",
    "GaveUp",
    "MemoryStore",
    "NotOffered",
    "NotTus",
    "Options",
    "Progress",
    "Rejected",
    "Remembered",
    "Retries",
    "SourceChanged",
    "SourceSpent",
    "SourceUnreadable",
    "Store",
    "StoreFailed",
    "TusClient",
    "UnderWay",
    "UploadError",
    "UploadGone",
    "Uploaded",
    "WrongAnswer",
]
