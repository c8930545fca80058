"""An upload does not die with the token that began it: tus-js-client, which else begins from byte 0."""

import time
from pathlib import Path

import pytest

from tests.clients.foreign import MIB, ClientFailed, Variant, node_reason, tus_js_client
from tests.harness.content import Content
from tests.harness.server import Server
from tests.harness.wire import request

from .asking import TUS
from .issuer import bearer, token

pytestmark = pytest.mark.skipif(node_reason() is not None, reason=node_reason() or "")

BROKEN = Variant(name="given up and resumed", aborts=1)
LENGTH, BREAK = 8 * MIB, 3 * MIB
HOUR = 3600


def as_header(text: str) -> dict[str, str]:
    return dict([bearer(text)])


def expired(age: float, subject: str = "ann") -> dict[str, str]:
    return as_header(token(tenant="acme", sub=subject, exp=int(time.time() - age)))


async def upload(server: Server, folder: Path, seed: int, second: dict[str, str]) -> str:
    """Begun with a good token, gone on with by another; the URL. Raises ClientFailed."""
    content = Content(seed=seed, length=LENGTH)
    path = content.write_to(folder / "content.bin")
    headers = [as_header(token(tenant="acme")), second]
    outcome = await tus_js_client(
        BROKEN, server.files_url, path, folder / "urls.json", (BREAK,), headers=headers
    )
    assert outcome.aborts == 1
    assert outcome.statuses["POST 201"] == 1, "the upload was begun again from byte 0"
    return outcome.url


async def test_an_expired_token_goes_on_with_what_its_subject_began(
    guarded: Server, tmp_path: Path, seed: int
) -> None:
    url = await upload(guarded, tmp_path, seed, expired(23 * HOUR))
    target = url.removeprefix(guarded.address.url)
    # But it does nothing else: not even fetch what it sent.
    for method, headers in (("GET", ()), ("DELETE", (TUS,))):
        refused = await request(guarded.address, method, target, (*headers, *expired(HOUR).items()))
        assert refused.status == 401
    fetched = await request(guarded.address, "GET", target, (bearer(token(tenant="acme")),))
    assert (fetched.status, fetched.body) == (200, Content(seed=seed, length=LENGTH).read(0, LENGTH))


@pytest.mark.parametrize(
    "second",
    [expired(25 * HOUR), expired(HOUR, subject="bob"), {}],
    ids=["beyond the grace", "of another", "none"],
)
async def test_beyond_the_grace_and_for_others_it_is_refused(
    guarded: Server, tmp_path: Path, seed: int, second: dict[str, str]
) -> None:
    with pytest.raises(ClientFailed, match=r"POST 401|HEAD 401|HEAD 404"):
        await upload(guarded, tmp_path, seed, second)
