"""What the program sends to brokers, as those who consume it find it."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import pytest
from aiobotocore.session import get_session
from aiohttp import ClientSession
from confluent_kafka import Consumer

from tests.harness.server import Server
from tests.integration.test_events import KINDS, PATIENCE, upload
from tests.services.brokers import REGION, body_of, kafka_cluster, nats_server, sqs_server

UPLOADS = 10
EVENTS = UPLOADS * len(KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumed:
    """One message, as its consumer got it."""

    id: str
    key: str
    body: Mapping[str, Any]


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=PATIENCE) as session:
        yield session


async def send(folder: Path, client: ClientSession, settings: Mapping[str, str]) -> list[str]:
    """Uploads to a server with these settings; their ids. It goes on until all is sent."""
    async with Server(folder=folder, settings={**settings, "events.look_interval": "50ms"}) as server:
        made = [await upload(client, server) for _ in range(UPLOADS)]
        async with asyncio.timeout(30):
            while not await _is_all_sent(client, server):
                await asyncio.sleep(0.05)
    return made


async def _is_all_sent(client: ClientSession, server: Server) -> bool:
    """The cursor of the one relay is at the end of the log."""
    async with client.get(f"{server.address.url}/api/v1/admin/events?order=newest&limit=1") as answer:
        newest = (await answer.json())["events"][0]["cursor"]
    async with client.get(f"{server.address.url}/api/v1/admin/webhooks") as answer:
        (relay,) = (await answer.json())["relays"]
    return bool(relay["cursor"] == newest)


def judge(made: list[str], consumed: list[Consumed]) -> None:
    """Every event once, in the order of its upload, under the upload's key, with its id."""
    assert len(consumed) == EVENTS
    assert len({one.id for one in consumed}) == EVENTS
    for one in consumed:
        assert one.id == one.body["id"]
        assert one.key == one.body["data"]["upload_id"]
    for upload_id in made:
        assert [one.body["type"] for one in consumed if one.key == upload_id] == list(KINDS)


async def test_kafka_has_every_event_by_upload(tmp_path: Path, client: ClientSession) -> None:
    with kafka_cluster() as brokers:
        made = await send(tmp_path, client, {"kafka.bootstrap_servers": brokers, "kafka.topic": "t"})
        judge(made, await asyncio.to_thread(_from_kafka, brokers))


def _from_kafka(brokers: str) -> list[Consumed]:
    consumer: Any = Consumer({"bootstrap.servers": brokers, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["t"])
    found: list[Consumed] = []
    deadline = time.monotonic() + 30
    while len(found) < EVENTS and time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        headers = dict(message.headers())
        found.append(
            Consumed(
                id=headers["event-id"].decode(), key=message.key().decode(), body=body_of(message.value())
            )
        )
    consumer.close()
    return found


async def test_a_fifo_queue_of_sqs_has_every_event_by_upload(tmp_path: Path, client: ClientSession) -> None:
    with sqs_server() as url:
        access: Any = {
            "region_name": REGION,
            "endpoint_url": url,
            "aws_access_key_id": "a",
            "aws_secret_access_key": "b",
        }
        async with get_session().create_client("sqs", **access) as queue:
            named = await queue.create_queue(QueueName="events.fifo", Attributes={"FifoQueue": "true"})
            settings = {
                "sqs.queue_url": named["QueueUrl"],
                "sqs.region": REGION,
                "sqs.endpoint": url,
                "sqs.access_key_id": "a",
                "sqs.secret_access_key": "b",
            }
            made = await send(tmp_path, client, settings)
            judge(made, await _from_sqs(queue, named["QueueUrl"]))


async def _from_sqs(queue: Any, url: str) -> list[Consumed]:
    found: list[Consumed] = []
    async with asyncio.timeout(30):
        while len(found) < EVENTS:
            got = await queue.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=1,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            for message in got.get("Messages", []):
                sent_as = message["MessageAttributes"]["event-id"]["StringValue"]
                assert message["Attributes"]["MessageDeduplicationId"] == sent_as
                key = message["Attributes"]["MessageGroupId"]
                found.append(Consumed(id=sent_as, key=key, body=body_of(message["Body"])))
                await queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


async def test_a_stream_of_nats_has_every_event_by_upload(tmp_path: Path, client: ClientSession) -> None:
    with nats_server() as url:
        made = await send(tmp_path, client, {"nats.servers": url})
        connection = await nats.connect(url)
        stream = connection.jetstream()
        reading = await stream.pull_subscribe("tusd-py.events.upload.>", durable="reader")
        found: list[Consumed] = []
        async with asyncio.timeout(30):
            while len(found) < EVENTS:
                for message in await reading.fetch(10, timeout=5):
                    assert message.headers is not None
                    key = message.subject.rpartition(".")[2]
                    found.append(
                        Consumed(id=message.headers["Nats-Msg-Id"], key=key, body=body_of(message.data))
                    )
                    await message.ack()
        await connection.close()
        judge(made, found)


@pytest.mark.parametrize("setting", ["kafka.bootstrap_servers", "nats.servers", "sqs.queue_url"])
async def test_a_broker_that_is_away_hinders_nobody(
    tmp_path: Path, client: ClientSession, setting: str
) -> None:
    away = {
        "kafka.bootstrap_servers": "127.0.0.1:1",
        "nats.servers": "nats://127.0.0.1:1",
        "sqs.queue_url": "http://127.0.0.1:1/queue",
    }
    settings = {setting: away[setting], "sqs.region": REGION, "webhooks.timeout": "1s"}
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    async with Server(folder=tmp_path, settings=settings, environ=environ) as server:
        for _ in range(3):
            await upload(client, server)
        async with asyncio.timeout(20):
            while "relay.postponed" not in server.log and "relay.failed" not in server.log:
                await asyncio.sleep(0.05)
        code, _ = await server.terminate()
        assert code == 0
        assert "Traceback" not in server.log


async def test_a_broker_that_goes_away_does_not_hold_up_the_end(
    tmp_path: Path, client: ClientSession
) -> None:
    with ExitStack() as cluster:
        brokers = cluster.enter_context(kafka_cluster())
        settings = {
            "kafka.bootstrap_servers": brokers,
            "kafka.topic": "t",
            "events.look_interval": "50ms",
            "timeouts.shutdown": "60s",
        }
        async with Server(folder=tmp_path, settings=settings) as server:
            await upload(client, server)
            async with asyncio.timeout(20):
                while not await _is_all_sent(client, server):
                    await asyncio.sleep(0.05)
            cluster.close()
            await upload(client, server)
            before = server.log.count("Unable connect to node")
            async with asyncio.timeout(20):
                while server.log.count("Unable connect to node") < before + 10:
                    await asyncio.sleep(0.05)
            code, seconds = await server.terminate()
            assert (code, seconds < 20) == (0, True)
