"""Bytes that no row names yet: attempts of this worker.

Belongs here: what becomes of them when the commit that names them does not happen. Not here: how they are
made (create.py, append.py, finish.py); what a dead worker left of them (work/sweep.py).
"""

from protocol.errors import ProtocolError
from storage_backends.base import StorageBackend, StorageError
from tusd_py.log import get_logger
from tusd_py.metadata.database import DatabaseError, OutcomeUnknown

log = get_logger("tusd_py.uploads")


class naming:  # noqa: N801 - a context manager; made of a generator it costs five times as much
    """Around the commit that names `ref`: gives the bytes back where it surely did not happen.

    Otherwise they would lie there for as long as this worker lives, as the sweep waits for its burial.
    """

    __slots__ = ("_backend", "_ref")

    def __init__(self, backend: StorageBackend, ref: str) -> None:
        self._backend = backend
        self._ref = ref

    async def __aenter__(self) -> None:
        """Nothing yet."""

    async def __aexit__(self, _kind: object, failure: BaseException | None, _trace: object) -> None:
        refused = isinstance(failure, DatabaseError | ProtocolError)
        if refused and not isinstance(failure, OutcomeUnknown):
            await give_back(self._backend, self._ref)


class judging:  # noqa: N801 - as `naming`
    """Around what is asked about `ref` before the commit that names it: without a yes its bytes go."""

    __slots__ = ("_backend", "_ref")

    def __init__(self, backend: StorageBackend, ref: str) -> None:
        self._backend = backend
        self._ref = ref

    async def __aenter__(self) -> None:
        """Nothing yet."""

    async def __aexit__(self, _kind: object, failure: BaseException | None, _trace: object) -> None:
        if failure is not None:
            await give_back(self._backend, self._ref)


async def give_back(backend: StorageBackend, ref: str) -> None:
    """Remove what no row names, and none will. What cannot be removed is the sweep's one day."""
    try:
        await backend.delete([ref])
    except StorageError as failed:
        log.warning("storage.not_given_back", ref=ref, error=str(failed))
