"""tus-js-client in Node: every way of sending, and no start from byte 0 after a break."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.checker import download
from tests.harness.content import Content
from tests.harness.server import Server

from .foreign import MIB, VARIANTS, Outcome, Variant, node_reason, tus_js_client

pytestmark = pytest.mark.skipif(node_reason() is not None, reason=node_reason() or "")

SIZES = (0, 1, 5 * MIB, 64 * MIB + 12_345)
BREAKING = tuple(variant for variant in VARIANTS if variant.cuts or variant.aborts)
PLAIN = tuple(variant for variant in VARIANTS if variant not in BREAKING)


async def _upload(
    variant: Variant, content: Content, server: Server, folder: Path, breaks: tuple[int, ...] = ()
) -> Outcome:
    """Upload, and compare what the server gives back."""
    path = content.write_to(folder / "content.bin")
    outcome = await tus_js_client(variant, server.files_url, path, folder / "urls.json", breaks)
    target = outcome.url.removeprefix(server.address.url)
    assert await download(server.address, target) == (200, content.length, content.sha256())
    begun = 1 if variant.parallel == 1 else variant.parallel + 1
    assert outcome.statuses["POST 201"] == begun, "the upload was begun again from byte 0"
    return outcome


def _cases() -> Iterator[tuple[Variant, int]]:
    for variant in PLAIN:
        for length in SIZES:
            # tus-js-client 4.3.1 asks Node for bytes 0 to -1 of an empty file, and Node refuses; and it waits
            # for ever for the first byte of an empty stream.
            # And it cuts a file of one byte into three.
            picky = variant.during_creation or variant.deferred
            if length >= variant.parallel or (variant.parallel == 1 and not picky):
                yield variant, length


@pytest.mark.parametrize(
    ("variant", "length"), [pytest.param(*case, id=f"{case[0].name}-{case[1]}") for case in _cases()]
)
async def test_every_way_of_sending_arrives(
    variant: Variant, length: int, shared_server: Server, tmp_path: Path, seed: int
) -> None:
    await _upload(variant, Content(seed=seed, length=length), shared_server, tmp_path)


@pytest.mark.parametrize("variant", BREAKING, ids=lambda variant: variant.name)
async def test_an_upload_broken_off_three_times_goes_on(
    variant: Variant, shared_server: Server, tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=64 * MIB)
    breaks = tuple(sorted(random.Random(seed).sample(range(content.length), 3)))

    outcome = await _upload(variant, content, shared_server, tmp_path, breaks)

    assert (outcome.cuts, outcome.aborts) == (variant.cuts, variant.aborts)
    assert outcome.requests["HEAD"] >= 3
