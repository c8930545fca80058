"""Events to a queue of SQS. A FIFO queue keeps those of one upload in order and drops what comes twice.

Imports aiobotocore, so it is itself imported only when a queue is configured.
Belongs here: sending. Not here: when (shift.py).
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from tusd_py.metadata.relays import Message

from .sink import Undelivered

NAME = "sqs"
_SERVER_ERROR = 500
_BUSY = frozenset({"Throttling", "ThrottlingException", "RequestThrottled", "ExpiredToken", "OverLimit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsRules:
    """Where, and as whom. Seconds."""

    queue_url: str
    region: str
    endpoint: str
    access_key_id: str
    secret_access_key: str
    timeout: float


class Sqs:
    """One queue."""

    name = NAME

    def __init__(self, rules: SqsRules) -> None:
        self._rules = rules
        self._stack: AsyncExitStack | None = None
        self._client: Any = None

    async def open(self) -> None:
        """Raises Undelivered."""
        rules, stack = self._rules, AsyncExitStack()
        making = get_session().create_client(
            "sqs",
            region_name=rules.region or None,
            endpoint_url=rules.endpoint or None,
            aws_access_key_id=rules.access_key_id or None,
            aws_secret_access_key=rules.secret_access_key or None,
            # When there is another try is decided elsewhere.
            config=AioConfig(
                retries={"max_attempts": 0}, connect_timeout=rules.timeout, read_timeout=rules.timeout
            ),
        )
        try:
            self._client = await stack.enter_async_context(making)
        except (BotoCoreError, ValueError) as failed:
            raise Undelivered(f"SQS: {type(failed).__name__}", is_away=True) from failed
        self._stack = stack

    async def close(self) -> None:
        if self._stack is not None:
            stack, self._stack = self._stack, None
            await stack.aclose()

    async def send(self, message: Message) -> None:
        """Returns when the queue has it. Raises Undelivered."""
        in_order = {}
        if self._rules.queue_url.endswith(".fifo"):
            in_order = {"MessageGroupId": message.subject, "MessageDeduplicationId": message.id}
        attributes = {"event-id": message.id, "event-type": message.kind}
        try:
            await self._client.send_message(
                QueueUrl=self._rules.queue_url,
                MessageBody=message.body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
                **in_order,
            )
        except ClientError as failed:
            code = failed.response.get("Error", {}).get("Code", "")
            status = failed.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            raise Undelivered(f"SQS: {code}", is_away=status >= _SERVER_ERROR or code in _BUSY) from failed
        except (BotoCoreError, OSError) as failed:
            raise Undelivered(f"SQS: {type(failed).__name__}", is_away=True) from failed
