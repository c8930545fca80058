"""`tusd-py upload`: send files, one after the other, and say how each of them ended.

Belongs here: results and exit codes. Not here: how an upload goes (client), options (upload_options.py).
"""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from enum import IntEnum

from tusd_py.client import (
    BadOptions,
    FileStore,
    MemoryStore,
    NotOffered,
    NotTus,
    Options,
    Rejected,
    Retries,
    SourceChanged,
    SourceSpent,
    SourceUnreadable,
    StoreFailed,
    TusClient,
    Uploaded,
    UploadError,
    WrongAnswer,
)
from tusd_py.config.problems import ConfigErrors, Problem
from tusd_py.masking import mask_text

from .kept import KeptUntilAllDone
from .pieces import is_stream, pieces_of
from .terminal import refuse, warn
from .upload_options import headers_of, metadata_of
from .upload_progress import Watch, watch_for


class Exit(IntEnum):
    """How the command ended; numbers above 63 are those of sysexits.h."""

    DONE = 0
    REFUSED = 65
    NO_INPUT = 66
    UNAVAILABLE = 69
    UNFINISHED = 75
    WRONG_ANSWER = 76
    NOT_ALLOWED = 77
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for."""

    url: str
    files: tuple[str, ...]
    metadata: dict[str, str]
    headers: dict[str, str]
    options: Options
    store: KeptUntilAllDone
    remembers: bool
    as_json: bool


def run(options: argparse.Namespace) -> int:
    """The exit code. Raises ConfigErrors for options that cannot be."""
    watch = watch_for(quiet=options.quiet)
    try:
        order = _order(options)
        return asyncio.run(_send_all(order, watch))
    except BadOptions as wrong:
        raise ConfigErrors([Problem(what=str(wrong), name="")]) from None
    except KeyboardInterrupt:
        watch.end()
        goes_on = not options.no_resume and not any(map(is_stream, options.files))
        warn("interrupted; the same command goes on" if goes_on else "interrupted")
        return Exit.INTERRUPTED


def _order(given: argparse.Namespace) -> Order:
    # One limit that was named is the only one.
    times = 10 if given.retries is None and given.retry_for is None else given.retries
    options = Options(
        protocol=given.protocol,
        digest=True if given.digest else None,
        chunk_size=given.chunk_size,
        checksum=given.checksum,
        parallel=given.parallel,
        timeout=given.timeout,
        retries=Retries(times=times, within=given.retry_for),
    )
    store = None if given.no_resume else _memory()
    return Order(
        url=given.url,
        files=tuple(given.files),
        metadata=metadata_of(given.metadata),
        headers=headers_of(given.header),
        options=options,
        store=KeptUntilAllDone(store or MemoryStore()),
        remembers=store is not None,
        as_json=given.json,
    )


def _memory() -> FileStore | None:
    """None where there is no place for it, which stops nothing."""
    try:
        return FileStore.of_user(on_notice=warn)
    except StoreFailed as failed:
        warn(f"{failed}; if an upload stops, it will begin again")
        return None


async def _send_all(order: Order, watch: Watch) -> Exit:
    client = TusClient(
        order.url, headers=order.headers, options=order.options, store=order.store, on_notice=watch.notice
    )
    async with client:
        endings = [await _send(client, order, name, watch) for name in order.files]
    if all(ending is Exit.DONE for ending in endings):
        await _forget(order.store)
        return Exit.DONE
    if Exit.UNFINISHED in endings:
        return Exit.UNFINISHED
    return next(ending for ending in endings if ending is not Exit.DONE)


async def _forget(store: KeptUntilAllDone) -> None:
    try:
        await asyncio.to_thread(store.forget_finished)
    except StoreFailed as failed:
        warn(str(failed))


async def _send(client: TusClient, order: Order, name: str, watch: Watch) -> Exit:
    """One file, to its end or its error."""
    began = time.monotonic()
    watch.begin(name)
    try:
        uploaded = await _uploaded(client, order, name, watch)
    except UploadError as failed:
        watch.end()
        _tell_failure(order, name, failed)
        return _exit_of(failed, order, name)
    watch.end()
    _tell(order, name, uploaded, time.monotonic() - began)
    return Exit.DONE


async def _uploaded(client: TusClient, order: Order, name: str, watch: Watch) -> Uploaded:
    if not is_stream(name):
        return await client.upload(name, metadata=order.metadata, on_progress=watch.move)
    async with aclosing(_readable(name)) as pieces:
        return await client.upload(pieces, metadata=order.metadata, on_progress=watch.move)


async def _readable(name: str) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(pieces_of(name)) as pieces:
            async for piece in pieces:
                yield piece
    except OSError as failed:
        raise SourceUnreadable(f"cannot read {name}: {failed.strerror}") from failed


def _tell(order: Order, name: str, uploaded: Uploaded, seconds: float) -> None:
    if not order.as_json:
        print(uploaded.url, flush=True)  # noqa: T201  # the command's answer
        return
    told = {
        "file": name,
        "url": uploaded.url,
        "bytes": uploaded.length,
        "seconds": round(seconds, 3),
        "resumed_from": uploaded.resumed_from,
    }
    print(json.dumps(told), flush=True)  # noqa: T201  # the command's answer


def _tell_failure(order: Order, name: str, failed: UploadError) -> None:
    goes_on = _exit_of(failed, order, name) is Exit.UNFINISHED
    # Those of the file name it themselves.
    names_it = isinstance(failed, SourceUnreadable | SourceChanged)
    refuse(
        str(failed) if names_it else f"{name}: {failed}",
        "the same command goes on where this stopped" if goes_on else "",
    )
    if order.as_json:
        told = {"file": name, "error": mask_text(str(failed)), "resumable": goes_on}
        print(json.dumps(told), flush=True)  # noqa: T201  # the command's answer


def _exit_of(failed: UploadError, order: Order, name: str) -> Exit:
    if isinstance(failed, Rejected):
        return Exit.NOT_ALLOWED if failed.status in (401, 403, 407) else Exit.REFUSED
    if failed.is_resumable:
        # What was read of a stream is gone, and so is what nobody remembers.
        return Exit.UNAVAILABLE if is_stream(name) or not order.remembers else Exit.UNFINISHED
    for kind, code in _CODES.items():
        if isinstance(failed, kind):
            return code
    return Exit.REFUSED


_CODES: dict[type[UploadError], Exit] = {
    SourceUnreadable: Exit.NO_INPUT,
    SourceSpent: Exit.UNAVAILABLE,
    NotTus: Exit.UNAVAILABLE,
    NotOffered: Exit.UNAVAILABLE,
    WrongAnswer: Exit.WRONG_ANSWER,
}
