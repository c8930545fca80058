"""Where a program that embeds us joins in.

Names and moments are those of tusd's hooks. Belongs here: the callbacks, and what holds for every call of
one. Not here: when they are called (create.py, line.py, finish.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from protocol.upload import Kind, Upload
from tusd_py.access.authorize import Action
from tusd_py.access.identity import Identity
from tusd_py.log import get_logger
from tusd_py.metadata.files import Version
from tusd_py.metadata.upload_row import NewUpload

log = get_logger("tusd_py.uploads")

LAST_CALLS = 5.0
"""Seconds that `post_finish` calls under way may still take when we stop."""

Authorize = Callable[[Identity, Action, Upload | Version | None], Awaitable[None]]
PreCreate = Callable[[Identity, NewUpload], Awaitable[NewUpload | None]]
PreFinish = Callable[[Upload], Awaitable[None]]
PostFinish = Callable[[Upload], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """What the embedding program wants to be asked and told. A ProtocolError raised by one is the answer."""

    authorize: Authorize | None = None
    """On every verb, after our own rule said yes; raises Forbidden or UploadNotFound. There is no upload yet
    for Action.CREATE; for downloads it is the file's version."""
    pre_create: PreCreate | None = None
    """Before anything is made. May return the upload with other metadata (`NewUpload.with_metadata`), or
    raise UploadRejected."""
    pre_finish: PreFinish | None = None
    """All bytes are durable and the upload is about to be complete; UploadRejected ends it. Not for partial
    uploads (protocol: they are pieces of a file, never one)."""
    post_finish: PostFinish | None = None
    """The upload is complete and committed. Told once, in the process that finished it, and not at all if
    that process dies at that moment."""


async def ask_to_create(callbacks: Callbacks, identity: Identity, new: NewUpload) -> NewUpload:
    """The upload as it will be made. Raises what `pre_create` raises."""
    if callbacks.pre_create is None:
        return new
    wanted = await callbacks.pre_create(identity, new) or new
    # Ids, owner and key are what the rest of us relies on.
    kept = replace(new, metadata=wanted.metadata, filename=wanted.filename, filetype=wanted.filetype)
    if wanted != kept:
        raise ValueError("pre_create changed more than metadata, filename and filetype")
    return wanted


async def ask_to_finish(callbacks: Callbacks, upload: Upload) -> None:
    """Raises what `pre_finish` raises."""
    if callbacks.pre_finish is not None and upload.kind is not Kind.PARTIAL:
        await callbacks.pre_finish(upload)


class Announcements:
    """The calls of `post_finish` that are under way. No client waits for them."""

    def __init__(self) -> None:
        self._calls: set[asyncio.Task[None]] = set()

    def finished(self, callbacks: Callbacks, upload: Upload) -> None:
        """Begin the call."""
        if callbacks.post_finish is None or upload.kind is Kind.PARTIAL:
            return
        call = asyncio.create_task(_tell(callbacks.post_finish, upload), name=f"post_finish:{upload.id}")
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def close(self) -> None:
        """Let them end, for a while."""
        if not self._calls:
            return
        _, late = await asyncio.wait(self._calls, timeout=LAST_CALLS)
        for call in late:
            log.warning("callback.cut_off", callback=call.get_name(), seconds=LAST_CALLS)
            call.cancel()
        if late:
            await asyncio.wait(late)


async def _tell(post_finish: PostFinish, upload: Upload) -> None:
    try:
        await post_finish(upload)
    except Exception:  # the outermost loop of somebody else's code
        log.exception("callback.failed", callback="post_finish", upload=upload.id)
