"""What events say to whom, and that a conversation ends."""

import asyncio
import json
from typing import Any, cast

import pytest
from aiohttp import WSMessage, WSMsgType, web

from tests.integration.house import Counted
from tusd_py.access.identity import Identity, Scope
from tusd_py.live.feed import Feed
from tusd_py.metadata.database import Database, Query, Row
from tusd_py.metadata.event_log import Event
from tusd_py.server import live as live_module
from tusd_py.server.live import Live, LiveRules, _Conversation, as_told

OWNER = Identity(tenant="acme", subject="ann", scopes=frozenset({Scope.READ}))
ADMIN = Identity(tenant="acme", subject="root", scopes=frozenset({Scope.READ, Scope.ADMIN}))
INSIDE: dict[str, Any] = {
    "finding": "Eicar-Signature",
    "engine": "ClamAV 1.4",
    "error": "cannot open /srv/a",
    "holder": "w1",
}


@pytest.mark.parametrize(("identity", "hears"), [(OWNER, set()), (ADMIN, set(INSIDE))])
def test_what_a_scanner_found_is_told_to_admins_only(identity: Identity, hears: set[str]) -> None:
    event = Event(
        cursor="0.1",
        id=1,
        created_at=0,
        subject="0" * 32,
        kind="upload.scanned",
        actor="system",
        tenant="acme",
        owner="ann",
        file_id="1" * 32,
        data={"verdict": "infected", **INSIDE},
    )
    _, said = as_told(event, "a" * 32, identity)
    assert said["data"]["verdict"] == "infected"
    assert INSIDE.keys() & said["data"].keys() == hears


def conversation(feed: Feed, socket: object) -> _Conversation:
    live = Live(
        identify=cast(Any, None),
        feed=feed,
        installation="a" * 32,
        rules=LiveRules(is_own_origin=lambda _, __: True),
    )
    return _Conversation(live, cast(web.Request, None), cast(web.WebSocketResponse, socket), OWNER)


class SlowToEnd:
    """A database that answers nobody, and takes its time for one who asks no more."""

    name = "sqlite"

    def __init__(self) -> None:
        self.is_asked, self.is_left, self.may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def read(self, _query: Query) -> list[Row]:
        self.is_asked.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.is_left.set()
            await self.may_end.wait()
            raise
        return []


class Subscribing:
    """A WebSocket whose visitor changes his mind as soon as he is heard, for ever."""

    def __init__(self, database: SlowToEnd) -> None:
        self._database = database
        self.said = 0

    def __aiter__(self) -> "Subscribing":
        return self

    async def __anext__(self) -> WSMessage:
        if self.said:
            await self._database.is_asked.wait()
        self.said += 1
        return WSMessage(WSMsgType.TEXT, '{"subscribe": {}}', "")


async def test_a_conversation_ends_at_its_time_also_while_another_subscription_is_let_go() -> None:
    database = SlowToEnd()
    socket = Subscribing(database)
    feed = Feed(cast(Database, database), look_every=1, most=1, most_of_one=1, meter=Counted())
    holding = asyncio.create_task(conversation(feed, socket).hold())
    await database.is_left.wait()
    # As its deadline does.
    holding.cancel()
    await asyncio.sleep(0)
    database.may_end.set()
    ended, _ = await asyncio.wait({holding}, timeout=10)
    assert ended, f"it heard {socket.said} messages, and goes on"
    assert holding.cancelled()
    assert socket.said == 2


class Nothing:
    """A database in which nothing happened."""

    name = "sqlite"

    async def read(self, _query: Query) -> list[Row]:
        return []


class Hearing:
    """A WebSocket whose visitor goes once he was told three things."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        self._messages = iter(['{"subscribe": {}}'])
        self._has_enough = asyncio.Event()

    def __aiter__(self) -> "Hearing":
        return self

    async def __anext__(self) -> WSMessage:
        for text in self._messages:
            return WSMessage(WSMsgType.TEXT, text, "")
        await self._has_enough.wait()
        raise StopAsyncIteration

    async def send_str(self, text: str) -> None:
        self.heard.append(json.loads(text))
        if len(self.heard) == 3:
            self._has_enough.set()
        await asyncio.sleep(0)


async def test_a_silent_conversation_says_now_and_then_where_to_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_module, "PING", 0.0)
    socket = Hearing()
    feed = Feed(cast(Database, Nothing()), look_every=1, most=1, most_of_one=1, meter=Counted())
    async with asyncio.timeout(10):
        await conversation(feed, socket).hold()
    assert [one["type"] for one in socket.heard[:3]] == ["subscribed", "cursor", "cursor"]
    assert {one["cursor"] for one in socket.heard} == {"0.0"}
