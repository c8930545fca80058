"""Telling, while a body comes, how much of it there is.

Belongs here: that clock. Not here: who is told (callbacks.py).
"""

import asyncio
from collections.abc import Callable

from protocol.upload import Upload
from tusd_py.log import get_logger

from .callbacks import PostReceive
from .context import Context
from .terminate import stop

log = get_logger("tusd_py.uploads")


def begin_telling(context: Context, upload: Upload, written: Callable[[], int]) -> asyncio.Task[None] | None:
    """To be cancelled with the body; None where nobody wants to know. `written` is behind the last byte."""
    told = context.callbacks.post_receive
    if told is None:
        return None
    return asyncio.create_task(_tell(context, told, upload, written), name=f"post_receive:{upload.id}")


async def _tell(context: Context, told: PostReceive, upload: Upload, written: Callable[[], int]) -> None:
    said = upload.offset
    while True:
        await asyncio.sleep(context.callbacks.receive_interval)
        if (now := written()) == said:
            continue
        said = now
        try:
            if await told(upload, now):
                await stop(context, upload.id)
                return
        except Exception:  # the outermost loop of somebody else's code
            log.exception("callback.failed", callback="post_receive", upload=upload.id)
