"""tus-js-client in Node: every way of sending, and no start from byte 0 after a break."""

import random
from collections.abc import Iterator
from dataclasses import replace
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

IETF = ("ietf-draft-03", "ietf-draft-05")
"""What tus-js-client 4.3.1 calls interop versions 5 and 6 of the IETF draft."""


async def _upload(
    variant: Variant, content: Content, server: Server, folder: Path, breaks: tuple[int, ...] = ()
) -> Outcome:
    """Upload, and compare what the server gives back."""
    path = content.write_to(folder / "content.bin")
    outcome = await tus_js_client(variant, server.files_url, path, folder / "urls.json", breaks)
    target = outcome.url.removeprefix(server.address.url)
    assert await download(server.address, target) == (200, content.length, content.sha256())
    begun = 1 if variant.parallel == 1 else variant.parallel + 1
    # The draft has the last request answered as the first would have been.
    last = 1 if variant.override_patch and variant.protocol in IETF and content.length else 0
    assert outcome.statuses["POST 201"] == begun + last, "the upload was begun again from byte 0"
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


# What tus-js-client 4.3.1 cannot do in these modes:
# - It has no parallel uploads, but sends Upload-Concat all the same, which the draft has not.
# - Of an empty file its POST says that more is to come, and nothing does.
# - Of a file in Node it says that a body is the end only where that is the whole file; in chunks, or gone on
#   with, it stops at the last byte without the word that it was all, and so of a stream whose length it was
#   told. It goes by Upload-Offset, and tells its program of a success: the server goes by the length, then.
# - It does not hear 104, so it knows the URL only from the final answer to its POST: cut before, it begins
#   again.
# - It tells the file's name in Upload-Metadata, which the draft has not.
# - On HEAD it takes 503 for a reason to begin again, as it does in tus, so it hears 423.
def _in_ietf_modes(variants: tuple[Variant, ...]) -> list[Variant]:
    return [
        replace(variant, protocol=protocol, name=f"{protocol}: {variant.name}")
        for protocol in IETF
        for variant in variants
        if variant.parallel == 1
    ]


IETF_CASES = [
    pytest.param(variant, length, id=f"{variant.name}-{length}")
    for variant in _in_ietf_modes(PLAIN)
    for length in (0, 1, 5 * MIB + 12_345)
    if length or not (variant.during_creation or variant.deferred)  # as in tus
]


@pytest.mark.parametrize(("variant", "length"), IETF_CASES)
async def test_every_way_of_sending_arrives_in_ietf_mode(
    variant: Variant, length: int, shared_server: Server, tmp_path: Path, seed: int
) -> None:
    await _upload(variant, Content(seed=seed, length=length), shared_server, tmp_path)


@pytest.mark.parametrize("variant", _in_ietf_modes(BREAKING), ids=lambda variant: variant.name)
async def test_an_upload_broken_off_three_times_goes_on_in_ietf_mode(
    variant: Variant, shared_server: Server, tmp_path: Path, seed: int
) -> None:
    content = Content(seed=seed, length=32 * MIB)
    breaks = tuple(sorted(random.Random(seed).sample(range(MIB, content.length - MIB), 3)))

    outcome = await _upload(variant, content, shared_server, tmp_path, breaks)

    assert (outcome.cuts, outcome.aborts) == (variant.cuts, variant.aborts)
    assert outcome.requests["HEAD"] >= 3
    assert outcome.statuses["PATCH 201"] == 1, "the upload was completed by one request"
