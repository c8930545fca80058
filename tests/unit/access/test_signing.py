"""Tickets: whatever was not signed by us, for this, is none."""

import base64
import json
import string
from dataclasses import replace

import pytest

from protocol.errors import TicketRefused
from tusd_py.access.signing import Purpose, Ticket, sign, verified
from tusd_py.metadata.signing_keys import SigningKey

KEY = SigningKey(id="0a1b2c3d", secret=bytes(range(32)), created_at=0, retired_at=None)
OTHER = SigningKey(id="99999999", secret=bytes(32), created_at=0, retired_at=None)
TICKET = Ticket(
    purpose=Purpose.DOWNLOAD,
    file_id="0123456789abcdef0123456789abcdef",
    version=3,
    expires_at=1000,
    bearer=("tenant", "ann"),
)


async def key_of(key_id: str) -> SigningKey | None:
    return {KEY.id: KEY, OTHER.id: OTHER}.get(key_id)


async def key_in_rows(key_id: str) -> SigningKey | None:
    """SQLite takes no half of a character pair, Postgres no NUL."""
    assert "\0" not in key_id.encode().decode()
    return await key_of(key_id)


async def read(text: str, *, purpose: Purpose = Purpose.DOWNLOAD, now: float = 999) -> Ticket:
    return await verified(text, purpose, key_of=key_in_rows, now=now)


async def test_a_ticket_reads_back_under_any_key_that_counts() -> None:
    for key in (KEY, OTHER):
        assert await read(sign(TICKET, key)) == TICKET


async def test_a_ticket_fits_a_url_and_a_cookie_as_it_is() -> None:
    assert set(sign(TICKET, KEY)) <= set(string.ascii_letters + string.digits + "-_.")


async def test_whatever_character_is_changed_it_is_no_ticket_any_more() -> None:
    text = sign(TICKET, KEY)
    for place, was in enumerate(text):
        for other in "Aa0-_.=" + chr(ord(was) ^ 1):
            changed = text[:place] + other + text[place + 1 :]
            if changed != text:
                with pytest.raises(TicketRefused):
                    await read(changed)


@pytest.mark.parametrize("cut", [slice(0, -1), slice(1, None), slice(0, 0), slice(0, 20)])
async def test_a_part_of_a_ticket_is_none(cut: slice) -> None:
    with pytest.raises(TicketRefused):
        await read(sign(TICKET, KEY)[cut])


async def test_a_ticket_ends_and_is_for_one_purpose_only() -> None:
    text = sign(TICKET, KEY)
    with pytest.raises(TicketRefused):
        await read(text, now=1000)
    with pytest.raises(TicketRefused):
        await read(text, purpose=Purpose.RESUME)


async def test_a_key_that_was_dropped_opens_nothing() -> None:
    with pytest.raises(TicketRefused):
        await read(sign(TICKET, replace(KEY, id="dropped")))


async def test_who_names_another_key_needs_its_secret() -> None:
    with pytest.raises(TicketRefused):
        await read(sign(TICKET, replace(KEY, id=OTHER.id)))


@pytest.mark.parametrize(
    "said",
    [
        *(b"", b"[]", b"null", b'{"k": 1}', b'{"k": "0a1b2c3d"}', b"\xff", b"[" * 1000),
        *(b'{"k": "' + b"a" * 4000, b'{"k": "\\ud800"}', b'{"k": "\\u0000"}'),
    ],
)
async def test_nonsense_is_refused_before_anything_is_made_of_it(said: bytes) -> None:
    payload = base64.urlsafe_b64encode(said).rstrip(b"=").decode()
    for text in (
        payload,
        f"{payload}.",
        f"{payload}.AAAA",
        f"{payload}.\u00e9",
        f"{payload}.\udcff",
        said.decode("latin-1"),
    ):
        with pytest.raises(TicketRefused):
            await read(text)


async def test_there_is_no_algorithm_to_choose() -> None:
    said = json.dumps({"alg": "none", "k": KEY.id, "p": "download", "f": "f", "n": 1, "x": 2000, "b": []})
    payload = base64.urlsafe_b64encode(said.encode()).rstrip(b"=").decode()
    for signature in ("", "none", "bm9uZQ"):
        with pytest.raises(TicketRefused):
            await read(f"{payload}.{signature}")
