"""Where webhooks may go: judged by address, whatever the name, and once more where it is connected."""

import asyncio
import socket
from collections.abc import Sequence

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.harness.receiver import SECRET, How, Receiver
from tusd_py.metadata.relays import Message
from tusd_py.outbox.addresses import AddressRefused, Guard
from tusd_py.outbox.sink import Undelivered
from tusd_py.outbox.webhooks import Webhook, WebhookRules
from tusd_py.standard_webhooks import parse_secrets

PUBLIC = ("93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1")
NOT_PUBLIC = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::127.0.0.1"),
    *("64:ff9b::169.254.169.254", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "100::1"),
    *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "5f00::1"),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    Guard([]).check(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        Guard([]).check(address)


@pytest.mark.parametrize("address", ["localhost", "", "1.2.3", "0x7f000001", "2130706433"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        Guard(["0.0.0.0/0"]).check(address)


def test_a_network_that_the_operator_names_is_allowed_and_no_other() -> None:
    guard = Guard(["10.1.0.0/16", "fd00::/8"])
    guard.check("10.1.2.3")
    guard.check("::ffff:10.1.2.3")
    guard.check("fd00::7")
    with pytest.raises(AddressRefused):
        guard.check("10.2.0.1")


class Names(AbstractResolver):
    """Says whatever it is told to, a different address at each look-up."""

    def __init__(self, answers: Sequence[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=answer,
                port=port,
                family=socket.AF_INET6 if ":" in answer else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        return None


MESSAGE = Message(id="evt_1", kind="upload.stored", subject="s", tenant="", body="{}")


async def post(url: str, resolver: AbstractResolver | None = None, allowed: Sequence[str] = ()) -> str:
    """Why it was not sent; "" if it was."""
    rules = WebhookRules(guard=Guard(allowed), timeout=2.0, max_response=10, user_agent="t")
    sink = Webhook("t", url, parse_secrets(SECRET), rules, resolver=resolver)
    await sink.open()
    try:
        await sink.send(MESSAGE)
    except Undelivered as failed:
        return str(failed)
    finally:
        await sink.close()
    return ""


SPELLINGS = (
    *("127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0", "localhost"),
    *("localhost.", "127.0.0.1.", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "0.0.0.0"),
    *("127.127.127.127", "LOCALHOST", "127.0.0.1%2f", "a@127.0.0.1", "%31%32%37.0.0.1"),
)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_no_spelling_of_this_machine_is_connected_to(scheme: str, spelling: str) -> None:
    connections = 0

    async def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    listener = await asyncio.start_server(connected, None, 0, family=socket.AF_INET)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        try:
            why = await post(f"{scheme}://{spelling}:{port}/hook")
        except ValueError:
            why = "no URL"
        assert why
    assert connections == 0


async def test_a_name_that_leads_home_is_refused_also_at_its_second_look_up() -> None:
    async with Receiver() as receiver:
        url = f"http://rebinding.example:{receiver.port}/hook"
        names = Names(["127.0.0.1"])
        assert "not public" in await post(url, names)
        assert receiver.met.total() == 0
        # Where the operator allows it, the same name is good.
        await post(url, names, ["127.0.0.0/8"])
        assert receiver.met.total() == 1


async def test_what_passed_the_resolver_is_judged_once_more_where_it_is_connected() -> None:
    class Lying(Webhook):
        async def open(self) -> None:
            await super().open()
            assert self._session is not None
            assert self._session.connector is not None
            # As if the name had led elsewhere between the two looks.
            self._session.connector._resolver = Names(["127.0.0.1"])  # type: ignore[attr-defined]

    async with Receiver() as receiver:
        rules = WebhookRules(guard=Guard([]), timeout=2.0, max_response=10, user_agent="t")
        sink = Lying("t", f"https://name.example:{receiver.port}/", parse_secrets(SECRET), rules)
        await sink.open()
        with pytest.raises(Undelivered, match="not public"):
            await sink.send(MESSAGE)
        await sink.close()
        assert receiver.met.total() == 0


async def test_plain_http_goes_to_named_networks_only() -> None:
    names = Names(["93.184.216.34"])
    assert "plain http" in await post("http://name.example/hook", names)


async def test_a_redirect_is_not_followed() -> None:
    async with Receiver(choose=lambda _: How.AWAY) as receiver:
        message = Message(
            id="evt_1",
            kind="k",
            subject="s",
            tenant="",
            body='{"id": "evt_1", "type": "k", "data": {"upload_id": "s"}}',
        )
        rules = WebhookRules(guard=Guard(["127.0.0.0/8"]), timeout=2.0, max_response=10, user_agent="t")
        sink = Webhook("t", receiver.url, parse_secrets(SECRET), rules)
        await sink.open()
        with pytest.raises(Undelivered, match="answered 302"):
            await sink.send(message)
        await sink.close()
        assert receiver.met.total() == 1
