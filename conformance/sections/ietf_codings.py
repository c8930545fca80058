"""IETF draft: codings of content and message, and metadata of the representation."""

import gzip

from conformance.checks import Section
from conformance.draft import append, begin, create, finish, post
from conformance.offer import DRAFT
from conformance.probe import Probe
from conformance.request import Chunked
from conformance.specification import Specification
from conformance.verdict import Failed, Level
from conformance.want import want_no_header, want_offset, want_refusal, want_success
from conformance.want_draft import want_complete

SECTION = Section(
    "Content Codings, Transfer Codings, Security Considerations", specification=Specification.IETF
)

NEEDS = (DRAFT,)

_GZIPPED = gzip.compress(b"a" * 40, mtime=0)


@SECTION.check(
    "RUFH-CRE-10",
    level=Level.MUST,
    wants="Offsets count content as it is coded: Content-Encoding belongs to the representation.",
    needs=NEEDS,
)
async def offsets_count_coded_content(probe: Probe) -> None:
    made = await begin(probe, "Content-Encoding: gzip", body=_GZIPPED)
    if not made.succeeded:
        want_refusal(made)
        return
    await want_offset(probe, probe.created(made), len(_GZIPPED), "the bytes as they were sent")


@SECTION.check(
    "RUFH-CRE-10",
    level=Level.MUST,
    wants="Offsets do not count transfer codings: Transfer-Encoding belongs to the message.",
    needs=NEEDS,
)
async def offsets_count_no_transfer_coding(probe: Probe) -> None:
    upload = await create(probe, body=Chunked((b"hel", b"lo")))
    await want_offset(probe, upload, 5, "the content of two chunks")
    want_success(await append(probe, upload, 5, Chunked((b" ", b"wor"))))
    await want_offset(probe, upload, 9, "the content of four chunks")
    last = await finish(probe, upload, 9, Chunked((b"l", b"d")))
    want_success(last)
    want_complete(last)
    want_success(await post(probe, Chunked((b"hel", b"lo")), "Upload-Length: 5"))


_HOSTILE = (
    'inline; filename="../../../etc/passwd"',
    'inline; filename="/etc/passwd"',
    "inline; filename*=UTF-8''a%0D%0AX-Injected:%20yes",
    "inline; filename*=UTF-8''%00%FF%FE",
    'inline; filename="' + "x" * 5000 + '"',
    "inline; filename=; ;;",
)


@SECTION.check(
    "RUFH-CRE-10",
    level=Level.MUST,
    wants="Metadata is validated: a name in Content-Disposition is taken as a name, or refused.",
    needs=NEEDS,
)
async def a_hostile_name_stays_a_name(probe: Probe) -> None:
    for disposition in _HOSTILE:
        made = await begin(probe, f"Content-Disposition: {disposition}", body=b"hello")
        if not made.succeeded:
            want_refusal(made)
            continue
        upload = probe.created(made)
        answers = [made, await probe.head(upload), await finish(probe, upload, 5, b"")]
        answers.append(await probe.ask("GET", upload, probe.greeting))
        for response in answers:
            want_no_header(response, "X-Injected")
            if response.status >= 500:
                raise Failed(f"wanted no {response.status} after {disposition!r}", response)
