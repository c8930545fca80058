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
from tusd_py.metadata.catalogue import File
from tusd_py.metadata.files import Version
from tusd_py.metadata.links import Link
from tusd_py.metadata.multiparts import Multipart
from tusd_py.metadata.upload_row import NewUpload

log = get_logger("tusd_py.uploads")

LAST_CALLS = 5.0
"""Seconds that calls under way of what is told afterwards may still take when we stop."""

Authorize = Callable[[Identity, Action, Upload | Version | File | Link | Multipart | None], Awaitable[None]]
PreCreate = Callable[[Identity, NewUpload], Awaitable[NewUpload | None]]
PreFinish = Callable[[Upload], Awaitable[None]]
PostFinish = Callable[[Upload], Awaitable[None]]
PreTerminate = Callable[[Identity, Upload], Awaitable[None]]
PostReceive = Callable[[Upload, int], Awaitable[bool]]
Told = Callable[[Upload], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """What the embedding program wants to be asked and told. A ProtocolError raised by one is the answer."""

    authorize: Authorize | None = None
    """On every verb, after our own rule said yes; raises Forbidden or UploadNotFound. There is no upload yet
    for Action.CREATE; for Action.ASSEMBLE it is a multipart upload, or what that became; for downloads and
    new share links the file's version, for others the link."""
    pre_create: PreCreate | None = None
    """Before anything is made. May return the upload with other metadata (`NewUpload.with_metadata`), or
    raise UploadRejected."""
    pre_finish: PreFinish | None = None
    """All bytes are durable, in `ref`, and the upload is about to be complete; UploadRejected ends it. Not
    for partial uploads (protocol: they are pieces of a file, never one)."""
    post_finish: PostFinish | None = None
    """The upload is complete and committed. Told once, in the process that finished it, and not at all if
    that process dies at that moment."""
    post_create: Told | None = None
    """The upload is made and committed, perhaps with its first bytes; told like `post_finish`."""
    post_receive: PostReceive | None = None
    """While bytes come, every `receive_interval`: the upload, and how many there are, safe or not. True ends
    the upload for good."""
    receive_interval: float = 1.0
    """Seconds."""
    pre_terminate: PreTerminate | None = None
    """A client wants to delete the upload; TerminationRejected refuses."""
    post_terminate: Told | None = None
    """It was deleted; told like `post_finish`."""


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


async def ask_to_finish(callbacks: Callbacks, upload: Upload, *, ref: str, length: int) -> None:
    """All `length` bytes are durable, in `ref`, which no row says yet. Raises what `pre_finish` raises."""
    if callbacks.pre_finish is not None and upload.kind is not Kind.PARTIAL:
        await callbacks.pre_finish(replace(upload, ref=ref, offset=length, length=length))


class Announcements:
    """The calls of `post_finish` that are under way. No client waits for them."""

    def __init__(self) -> None:
        self._calls: set[asyncio.Task[None]] = set()

    def finished(self, callbacks: Callbacks, upload: Upload) -> None:
        """Begin the call."""
        if callbacks.post_finish is not None and upload.kind is not Kind.PARTIAL:
            self._begin("post_finish", callbacks.post_finish, upload)

    def created(self, callbacks: Callbacks, upload: Upload) -> None:
        """Begin the call."""
        if callbacks.post_create is not None:
            self._begin("post_create", callbacks.post_create, upload)

    def terminated(self, callbacks: Callbacks, upload: Upload) -> None:
        """Begin the call."""
        if callbacks.post_terminate is not None:
            self._begin("post_terminate", callbacks.post_terminate, upload)

    def _begin(self, name: str, told: Told, upload: Upload) -> None:
        call = asyncio.create_task(_tell(name, told, upload), name=f"{name}:{upload.id}")
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


async def _tell(name: str, told: Told, upload: Upload) -> None:
    try:
        await told(upload)
    except Exception:  # the outermost loop of somebody else's code
        log.exception("callback.failed", callback=name, upload=upload.id)


def in_turn(first: Callbacks, second: Callbacks) -> Callbacks:
    """Both, one after the other; who is asked second sees what the first made of it."""
    return replace(
        second,
        pre_create=_create_in_turn(first.pre_create, second.pre_create),
        pre_finish=_in_turn(first.pre_finish, second.pre_finish),
        post_finish=_in_turn(first.post_finish, second.post_finish),
        post_create=_in_turn(first.post_create, second.post_create),
        post_terminate=_in_turn(first.post_terminate, second.post_terminate),
        post_receive=first.post_receive or second.post_receive,
        receive_interval=first.receive_interval if first.post_receive else second.receive_interval,
        pre_terminate=_terminate_in_turn(first.pre_terminate, second.pre_terminate),
    )


def _in_turn(first: Told | None, second: Told | None) -> Told | None:
    if first is None or second is None:
        return first or second

    async def both(upload: Upload) -> None:
        await first(upload)
        await second(upload)

    return both


def _create_in_turn(first: PreCreate | None, second: PreCreate | None) -> PreCreate | None:
    if first is None or second is None:
        return first or second

    async def both(identity: Identity, new: NewUpload) -> NewUpload:
        made = await first(identity, new) or new
        return await second(identity, made) or made

    return both


def _terminate_in_turn(first: PreTerminate | None, second: PreTerminate | None) -> PreTerminate | None:
    if first is None or second is None:
        return first or second

    async def both(identity: Identity, upload: Upload) -> None:
        await first(identity, upload)
        await second(identity, upload)

    return both
