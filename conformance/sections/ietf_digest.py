"""IETF draft up to 11, RFC 9530 after it: digests of content and representation."""

import base64
import hashlib

from conformance.checks import Section
from conformance.draft import append, begin, create, finish, post
from conformance.exchange import Response
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.request import Chunked
from conformance.resource import Resource
from conformance.specification import Specification
from conformance.verdict import Failed, Level, NotOffered
from conformance.want import want_offset, want_refusal, want_status, want_success
from conformance.want_draft import want_goes_on

SECTION = Section("Integrity Digests (draft 11), RFC 9530", specification=Specification.IETF)

NEEDS = (DRAFT,)


def _sha256(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def _sha512(content: bytes) -> str:
    return f"sha-512=:{base64.b64encode(hashlib.sha512(content).digest()).decode()}:"


_RIGHT = f"Content-Digest: {_sha256(b'hello')}"
_WRONG = f"Content-Digest: {_sha256(b'hellO')}"


@SECTION.check(
    "RUFH-DIG-1",
    level=Level.SHOULD,
    wants="Content whose Content-Digest matches is taken; the digest is over this request alone.",
    needs=NEEDS,
)
async def a_matching_digest_is_taken(probe: Probe) -> None:
    upload = await create(probe, _RIGHT, body=b"hello")
    want_success(await append(probe, upload, 5, b"hello", _RIGHT))
    want_success(await append(probe, upload, 10, Chunked((b"hel", b"lo")), _RIGHT))
    await want_goes_on(probe, upload, 15)


@SECTION.check(
    "RUFH-DIG-1",
    level=Level.SHOULD,
    wants="A digest in an algorithm that the server does not know is ignored.",
    needs=NEEDS,
)
async def a_digest_that_is_unknown_is_ignored(probe: Probe) -> None:
    upload = await create(probe)
    want_success(await append(probe, upload, 0, b"hello", "Content-Digest: md2025=:AAAA:"))
    want_success(await append(probe, upload, 5, b"hello", f"{_RIGHT}, md2025=:AAAA:"))


@SECTION.check(
    "RUFH-DIG-1",
    level=Level.SHOULD,
    wants="Content whose Content-Digest does not match is refused, and not appended.",
    needs=NEEDS,
)
async def a_mismatching_digest_appends_nothing(probe: Probe) -> None:
    upload = await create(probe)
    for content in (b"hello", Chunked((b"hel", b"lo"))):
        await _mismatch(probe, upload, content, _WRONG)
        await want_offset(probe, upload, 0, "because the digest did not match")
    await want_goes_on(probe, upload, 0)


@SECTION.check(
    "RUFH-DIG-1",
    level=Level.HABIT,
    wants="Content whose Content-Digest does not match is answered 400, or 409.",
    needs=NEEDS,
)
async def a_mismatching_digest_is_answered_400(probe: Probe) -> None:
    want_status(await _mismatch(probe, await create(probe), b"hello", _WRONG), 400, 409)


@SECTION.check(
    "RUFH-DIG-1",
    level=Level.HABIT,
    wants="Of several digests one that matches does not make up for one that does not.",
    needs=NEEDS,
)
async def of_several_digests_one_is_not_enough(probe: Probe) -> None:
    upload = await create(probe)
    await _mismatch(probe, upload, b"hello", _WRONG)
    sha512 = await append(probe, upload, 0, b"hello", f"Content-Digest: {_sha512(b'hellO')}")
    if sha512.succeeded:
        raise NotOffered("sha-512 is not verified")
    mixed = (f"{_RIGHT}, {_sha512(b'hellO')}", f"{_WRONG}, {_sha512(b'hello')}")
    answers = [await append(probe, await create(probe), 0, b"hello", digests) for digests in mixed]
    if all(response.succeeded for response in answers):
        raise Failed("wanted a refusal where one of two digests does not match, found none")
    if any(response.succeeded for response in answers):
        raise NotOffered("of several digests one is chosen, and the others are ignored (RFC 9530, 2)")


@SECTION.check(
    "RUFH-DIG-1",
    level=Level.SHOULD,
    wants="Content-Digest is verified at the creation, too.",
    needs=NEEDS,
)
async def the_digest_of_a_creation_is_verified(probe: Probe) -> None:
    await _mismatch(probe, await create(probe), b"hello", _WRONG)
    made = await begin(probe, _WRONG, body=b"hello")
    if made.succeeded:
        await want_offset(probe, probe.created(made), 0, "because the digest did not match")
        return
    want_refusal(made)
    want_refusal(await post(probe, b"hello", _WRONG))


@SECTION.check(
    "RUFH-DIG-1",
    level=Level.SHOULD,
    wants="Repr-Digest of the creation is compared when the upload is complete, which then fails.",
    needs=NEEDS,
)
async def the_digest_of_the_representation_is_verified(probe: Probe) -> None:
    whole = f"Repr-Digest: {_sha256(b'hello worl')}"
    wrong = await create(probe, whole, body=b"hello")
    last = await finish(probe, wrong, 5, b" worL")
    if last.succeeded:
        raise NotOffered("Repr-Digest is not verified")
    right = await create(probe, whole, body=b"hello")
    want_success(await finish(probe, right, 5, b" worl"))
    want_success(await post(probe, b"hello worl", whole))


async def _mismatch(probe: Probe, upload: Resource, content: bytes | Chunked, digest: str) -> Response:
    """The refusal of content at the beginning of an upload. Raises NotOffered where it is taken."""
    refused = await append(probe, upload, 0, content, digest)
    if refused.succeeded:
        raise NotOffered("Content-Digest is not verified")
    want_refusal(refused)
    return refused
