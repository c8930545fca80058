"""Events to a stream of NATS JetStream, whose subjects end with kind and upload.

Imports nats-py, so it is itself imported only when NATS is configured.
Belongs here: sending. Not here: when (shift.py).
"""

import asyncio
from dataclasses import dataclass

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from tusd_py.log import get_logger
from tusd_py.metadata.relays import Message

from .sink import Undelivered

log = get_logger("tusd_py.outbox")

NAME = "nats"


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsRules:
    """Where, and as whom. Seconds."""

    servers: tuple[str, ...]
    subject: str
    stream: str
    timeout: float
    user: str = ""
    password: str = ""
    token: str = ""
    credentials: str = ""


class JetStream:
    """One stream."""

    name = NAME

    def __init__(self, rules: NatsRules) -> None:
        self._rules = rules
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Raises Undelivered."""
        rules = self._rules
        try:
            async with asyncio.timeout(rules.timeout):
                self._client = await nats.connect(
                    list(rules.servers),
                    name="tusd-py",
                    # A lost connection is opened anew by the next message: the log waits better than buffers.
                    allow_reconnect=False,
                    connect_timeout=max(1, int(rules.timeout)),
                    error_cb=_note,
                    user=rules.user or None,
                    password=rules.password or None,
                    token=rules.token or None,
                    user_credentials=rules.credentials or None,
                )
                self._stream = self._client.jetstream(timeout=rules.timeout)
                await self._find_stream(self._stream)
        except (NatsError, OSError, TimeoutError) as failed:
            await self.close()
            raise Undelivered(f"NATS: {type(failed).__name__}", is_away=True) from failed

    async def _find_stream(self, stream: JetStreamContext) -> None:
        try:
            await stream.stream_info(self._rules.stream)
        except NotFoundError:
            await stream.add_stream(
                StreamConfig(name=self._rules.stream, subjects=[f"{self._rules.subject}.>"])
            )

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            self._stream = None
            if not client.is_closed:
                await client.close()

    async def send(self, message: Message) -> None:
        """Returns when the stream has it. Raises Undelivered."""
        async with self._opening:
            if self._client is None or not self._client.is_connected:
                await self.close()
                await self.open()
            stream = self._stream
        assert stream is not None  # noqa: S101 - open made it
        try:
            await stream.publish(
                f"{self._rules.subject}.{message.kind}.{message.subject}",
                message.body.encode(),
                timeout=self._rules.timeout,
                # The stream drops what comes twice with the same id, within its duplicate window.
                headers={"Nats-Msg-Id": message.id, "event-type": message.kind},
            )
        except (NatsError, OSError, TimeoutError) as failed:
            raise Undelivered(f"NATS: {type(failed).__name__}", is_away=True) from failed


async def _note(problem: Exception) -> None:
    """The library would print it."""
    log.debug("nats.failed", error=repr(problem))
