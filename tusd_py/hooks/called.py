"""Hooks as the callbacks of the service.

Before something happens each hook is asked in turn, and the first that refuses is the last. One that cannot
be asked refuses, too: the client hears 500 and may try again. After something happened each is told, once, by
the process in which it happened, and nobody waits for it.

Belongs here: what the answers of hooks mean. Not here: calling one (by_http.py, by_program.py), when it is
called (uploads/).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from protocol.errors import InternalError, InvalidMetadata, TerminationRejected, UploadRejected
from protocol.upload import Upload
from tusd_py.access.identity import Identity
from tusd_py.log import get_logger
from tusd_py.metadata.upload_row import NewUpload
from tusd_py.uploads.callbacks import Callbacks

from .kinds import Hook, HookAnswer, HookFailed, HookKind, HttpAnswer, current
from .payload import StorageOf, payload_of, read_answer

log = get_logger("tusd_py.hooks")


class HookMeter(Protocol):
    """What is counted. Calls are cheap and never fail."""

    def hook_called(self, kind: str, *, failed: bool) -> None: ...


class CalledHooks:
    """The hooks of one service."""

    def __init__(
        self,
        hooks: Sequence[Hook],
        storage_of: StorageOf,
        meter: HookMeter,
        *,
        max_metadata: int,
        progress_interval: float,
    ) -> None:
        self._hooks = hooks
        self._storage_of = storage_of
        self._meter = meter
        self._max_metadata = max_metadata
        self._progress_interval = progress_interval

    def callbacks(self, kinds: Sequence[HookKind]) -> Callbacks:
        """Nothing is called for other kinds, so they cost nothing."""
        wanted = set(kinds)
        return Callbacks(
            pre_create=self._pre_create if HookKind.PRE_CREATE in wanted else None,
            post_create=self._post_create if HookKind.POST_CREATE in wanted else None,
            post_receive=self._post_receive if HookKind.POST_RECEIVE in wanted else None,
            receive_interval=self._progress_interval,
            pre_finish=self._pre_finish if HookKind.PRE_FINISH in wanted else None,
            post_finish=self._post_finish if HookKind.POST_FINISH in wanted else None,
            pre_terminate=self._pre_terminate if HookKind.PRE_TERMINATE in wanted else None,
            post_terminate=self._post_terminate if HookKind.POST_TERMINATE in wanted else None,
        )

    # --- asked

    async def _pre_create(self, _identity: Identity, new: NewUpload) -> NewUpload:
        for hook in self._of(HookKind.PRE_CREATE):
            answer = await self._ask(hook, HookKind.PRE_CREATE, new, offset=0)
            if answer.rejects_upload:
                raise _rejected(answer.http)
            if answer.metadata is not None:
                new = self._described(new, answer.metadata)
            _remember(answer.http)
        return new

    async def _pre_finish(self, upload: Upload) -> None:
        for hook in self._of(HookKind.PRE_FINISH):
            answer = await self._ask(hook, HookKind.PRE_FINISH, upload, offset=upload.offset)
            if answer.rejects_upload:
                raise _rejected(answer.http)
            _remember(answer.http)

    async def _pre_terminate(self, _identity: Identity, upload: Upload) -> None:
        for hook in self._of(HookKind.PRE_TERMINATE):
            answer = await self._ask(hook, HookKind.PRE_TERMINATE, upload, offset=upload.offset)
            if answer.rejects_termination:
                raise TerminationRejected(
                    status=answer.http.status, body=answer.http.body, headers=answer.http.headers
                )
            _remember(answer.http)

    def _described(self, new: NewUpload, metadata: Mapping[str, str]) -> NewUpload:
        """Metadata from outside: as careful as with those of clients."""
        try:
            described = new.with_metadata(metadata)
        except InvalidMetadata as bad:
            log.warning("hook.refused", hook=HookKind.PRE_CREATE.value, error=str(bad))
            raise InternalError from bad
        if len(described.metadata) > self._max_metadata:
            log.warning("hook.refused", hook=HookKind.PRE_CREATE.value, error="its metadata is too long")
            raise InternalError
        return described

    async def _ask(
        self, hook: Hook, kind: HookKind, upload: Upload | NewUpload, *, offset: int
    ) -> HookAnswer:
        """Raises InternalError where it cannot be asked: what it might have refused is not let through."""
        asked = current.get()
        try:
            payload = payload_of(kind, upload, asked, self._storage_of, offset=offset)
            answer = read_answer(kind, await hook.call(kind, payload, asked))
        except HookFailed as failed:
            self._meter.hook_called(kind.value, failed=True)
            log.warning("hook.failed", hook=kind.value, upload=upload.id, error=str(failed))
            raise InternalError from failed
        self._meter.hook_called(kind.value, failed=False)
        return answer

    # --- told

    async def _post_create(self, upload: Upload) -> None:
        await self._tell(HookKind.POST_CREATE, upload, upload.offset)

    async def _post_finish(self, upload: Upload) -> None:
        await self._tell(HookKind.POST_FINISH, upload, upload.offset)

    async def _post_terminate(self, upload: Upload) -> None:
        await self._tell(HookKind.POST_TERMINATE, upload, upload.offset)

    async def _post_receive(self, upload: Upload, received: int) -> bool:
        """True where one of them wants no more bytes of it."""
        answers = await self._tell(HookKind.POST_RECEIVE, upload, received)
        return any(answer.stops_upload for answer in answers)

    async def _tell(self, kind: HookKind, upload: Upload, offset: int) -> list[HookAnswer]:
        told = await asyncio.gather(
            *(self._ask(hook, kind, upload, offset=offset) for hook in self._of(kind)), return_exceptions=True
        )
        return [answer for answer in told if isinstance(answer, HookAnswer)]

    def _of(self, kind: HookKind) -> list[Hook]:
        return [hook for hook in self._hooks if hook.has(kind)]


def _rejected(http: HttpAnswer) -> UploadRejected:
    return UploadRejected(status=http.status, body=http.body, headers=http.headers)


def _remember(http: HttpAnswer) -> None:
    """For the answer to the request that asked."""
    asked = current.get()
    if asked is not None and http != HttpAnswer():
        asked.answer = replace(
            asked.answer,
            status=http.status or asked.answer.status,
            body=http.body or asked.answer.body,
            headers={**asked.answer.headers, **http.headers},
        )
