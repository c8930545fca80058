"""Events to a topic of Kafka, keyed by upload, so that those of one upload stay in order in one partition.

Imports aiokafka, so it is itself imported only when Kafka is configured.
Belongs here: sending. Not here: when (shift.py).
"""

import asyncio
import ssl
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from tusd_py.metadata.relays import Message

from .sink import Undelivered

NAME = "kafka"
LAST_SENDS = 1.0
"""Seconds that messages under way may still take at the end; the log has them, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaRules:
    """Where, and as whom. Seconds."""

    servers: tuple[str, ...]
    topic: str
    timeout: float
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    username: str = ""
    password: str = ""
    ca_file: str = ""


class Kafka:
    """One topic."""

    name = NAME

    def __init__(self, rules: KafkaRules) -> None:
        self._rules = rules
        self._producer: AIOKafkaProducer | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises Undelivered."""
        rules = self._rules
        producer = AIOKafkaProducer(
            bootstrap_servers=list(rules.servers),
            client_id="tusd-py",
            acks="all",
            request_timeout_ms=int(rules.timeout * 1000),
            security_protocol=rules.security_protocol,
            ssl_context=_context(rules),
            sasl_mechanism=rules.sasl_mechanism,
            sasl_plain_username=rules.username or None,
            sasl_plain_password=rules.password or None,
        )
        try:
            await producer.start()
        except (KafkaError, OSError) as failed:
            await producer.stop()
            raise Undelivered(f"Kafka: {type(failed).__name__}", is_away=True) from failed
        self._producer = producer

    async def close(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            # It waits for what it has to send as long as for any request, also where no broker is left.
            self._stopping = asyncio.create_task(producer.stop(), name="kafka:stop")
            await asyncio.wait((self._stopping,), timeout=LAST_SENDS)

    async def send(self, message: Message) -> None:
        """Returns when the partition's leader and its followers in sync have it. Raises Undelivered."""
        if self._producer is None:
            raise Undelivered("not open", is_away=True)
        headers = [("event-id", message.id.encode()), ("event-type", message.kind.encode())]
        try:
            await self._producer.send_and_wait(
                self._rules.topic, message.body.encode(), key=message.subject.encode(), headers=headers
            )
        except MessageSizeTooLargeError as failed:
            raise Undelivered("Kafka: the message is too large for the topic", is_away=False) from failed
        except (KafkaError, OSError) as failed:
            raise Undelivered(f"Kafka: {type(failed).__name__}", is_away=True) from failed


def _context(rules: KafkaRules) -> ssl.SSLContext | None:
    if "SSL" not in rules.security_protocol:
        return None
    return ssl.create_default_context(cafile=rules.ca_file or None)
