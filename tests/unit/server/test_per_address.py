"""Whose connections count together. (Real ones: tests/integration/test_connection.py.)"""

import asyncio
from typing import Any

import pytest

from tusd_py.server.location import trusted_networks
from tusd_py.server.per_address import PerAddress


def transport_of(peer: Any) -> asyncio.BaseTransport:
    return asyncio.BaseTransport(extra={"peername": peer})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("192.0.2.1", 1), ("192.0.2.1", 2)),
        (("192.0.2.1", 1), ("::ffff:192.0.2.1", 2, 0, 0)),
        (("2001:db8::1", 1, 0, 0), ("2001:db8::ffff:0:0:1", 2, 0, 0)),
    ],
)
def test_connections_of_one_subscriber_count_together(one: Any, other: Any) -> None:
    counted = PerAddress(1, trusted_networks(()))
    who = counted.enter(transport_of(one))
    assert who
    assert counted.enter(transport_of(other)) is None
    counted.leave(who)
    assert counted.enter(transport_of(other)) == who


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("192.0.2.1", 1), ("192.0.2.2", 1)),
        (("2001:db8::1", 1, 0, 0), ("2001:db8:0:1::1", 1, 0, 0)),
    ],
)
def test_connections_of_others_do_not(one: Any, other: Any) -> None:
    counted = PerAddress(1, trusted_networks(()))
    assert counted.enter(transport_of(one)) != counted.enter(transport_of(other)) is not None


@pytest.mark.parametrize("peer", [("10.1.2.3", 1), ("2001:db8::1", 1, 0, 0), "", None])
def test_proxies_and_unix_sockets_are_not_counted(peer: Any) -> None:
    counted = PerAddress(1, trusted_networks(("10.0.0.0/8", "2001:db8::/32")))
    for _ in range(3):
        who = counted.enter(transport_of(peer))
        assert who is not None
        counted.leave(who)
        assert counted.enter(transport_of(peer)) is not None


def test_without_a_limit_nothing_is_counted_and_all_that_left_are_forgotten() -> None:
    unlimited, counted = PerAddress(0, trusted_networks(())), PerAddress(3, trusted_networks(()))
    assert [unlimited.enter(transport_of(("192.0.2.1", 1))) for _ in range(3)] == [""] * 3
    entered = [counted.enter(transport_of((f"192.0.2.{last % 4}", 1))) for last in range(12)]
    for who in entered:
        assert who
        counted.leave(who)
    assert not counted._open
