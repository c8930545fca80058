"""The ways out that the settings name. Imports what is configured, and nothing else.

Belongs here: settings to relays. Not here: how they deliver (outbox/).
"""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.metadata.database import Database
from tusd_py.outbox.relay import Relay, RelayRules
from tusd_py.outbox.sink import Sink, SinkMeter, Wanted
from tusd_py.standard_webhooks import parse_secrets
from tusd_py.version import version


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """The relays of this worker; without any there is nothing to do."""

    relays: tuple[Relay, ...]

    @property
    def forever(self) -> list[Callable[[], Coroutine[None, None, None]]]:
        """What runs for as long as the service does."""
        return [relay.run for relay in self.relays]


async def make_outbox(
    settings: Settings, database: Database, *, worker: str, installation: str, meter: SinkMeter
) -> Outbox:
    """Relays that begin with what happens from now on, or where they stopped. Raises Refused."""
    relays = [
        Relay(sink, rules, database, worker=worker, installation=installation, meter=meter)
        for sink, rules in _ways(settings)
    ]
    for relay in relays:
        await relay.prepare()
    return Outbox(relays=tuple(relays))


def relay_names(settings: Settings) -> list[str]:
    """The relays that are configured; what rows say of others is history."""
    return [sink.name for sink, _ in _ways(settings)]


def _ways(settings: Settings) -> Iterator[tuple[Sink, RelayRules]]:
    yield from _webhooks(settings)
    if settings.kafka.bootstrap_servers:
        yield _kafka(settings), _rules(settings, Wanted(kinds=settings.kafka.events))
    if settings.sqs.queue_url:
        yield _sqs(settings), _rules(settings, Wanted(kinds=settings.sqs.events))
    if settings.nats.servers:
        yield _nats(settings), _rules(settings, Wanted(kinds=settings.nats.events))


def _webhooks(settings: Settings) -> Iterator[tuple[Sink, RelayRules]]:
    webhooks = settings.webhooks
    if not webhooks.endpoints:
        return
    from tusd_py.outbox.addresses import Guard  # noqa: PLC0415 - only when configured
    from tusd_py.outbox.webhooks import Webhook, WebhookRules  # noqa: PLC0415 - only when configured

    rules = WebhookRules(
        guard=Guard(webhooks.allow_networks),
        timeout=webhooks.timeout,
        max_response=webhooks.max_response,
        user_agent=f"tusd-py/{version()}",
    )
    for endpoint in webhooks.endpoints:
        sink = Webhook(endpoint.name, endpoint.url, parse_secrets(endpoint.secret), rules)
        yield sink, _rules(settings, Wanted(kinds=endpoint.events, tenants=endpoint.tenants))


def _kafka(settings: Settings) -> Sink:
    with _needed("kafka"):
        from tusd_py.outbox.kafka import Kafka, KafkaRules  # noqa: PLC0415 - only when configured
    kafka = settings.kafka
    return Kafka(
        KafkaRules(
            servers=kafka.bootstrap_servers,
            topic=kafka.topic,
            timeout=settings.webhooks.timeout,
            security_protocol=kafka.security_protocol,
            sasl_mechanism=kafka.sasl_mechanism,
            username=kafka.username,
            password=kafka.password,
            ca_file=kafka.ca_file,
        )
    )


def _sqs(settings: Settings) -> Sink:
    with _needed("sqs"):
        from tusd_py.outbox.sqs import Sqs, SqsRules  # noqa: PLC0415 - only when configured
    sqs = settings.sqs
    return Sqs(
        SqsRules(
            queue_url=sqs.queue_url,
            region=sqs.region,
            endpoint=sqs.endpoint,
            access_key_id=sqs.access_key_id,
            secret_access_key=sqs.secret_access_key,
            timeout=settings.webhooks.timeout,
        )
    )


def _nats(settings: Settings) -> Sink:
    with _needed("nats"):
        from tusd_py.outbox.jetstream import JetStream, NatsRules  # noqa: PLC0415 - only when configured
    found = settings.nats
    return JetStream(
        NatsRules(
            servers=found.servers,
            subject=found.subject,
            stream=found.stream,
            timeout=settings.webhooks.timeout,
            user=found.user,
            password=found.password,
            token=found.token,
            credentials=found.credentials,
        )
    )


@contextmanager
def _needed(section: str) -> Iterator[None]:
    """Raises Refused where the package for it is missing."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise Refused(
            f"[{section}] needs the package {missing.name}", hint=f"pip install 'tusd-py[{section}]'"
        ) from None


def _rules(settings: Settings, wanted: Wanted) -> RelayRules:
    events, webhooks = settings.events, settings.webhooks
    return RelayRules(
        wanted=wanted,
        parallel=webhooks.parallel,
        timeout=webhooks.timeout,
        attempts=webhooks.attempts,
        give_up_after=webhooks.give_up_after,
        longest_pause=webhooks.longest_pause,
        look_every=events.look_interval,
    )
