"""The verbs of the IETF draft of resumable uploads (interop version 9), as a client says them.

No version is named: interim responses, which it would ask for, are told to nobody by the HTTP library, and
some proxies take them for the answer. Whoever sends them all the same is understood.

Belongs here: one method a verb: its fields, and what its reply tells. Not here: what to do when one fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from protocol.checksum import Checksum
from protocol.digest_fields import format_repr_digest
from protocol.disposition import attachment
from protocol.ietf.interop import MEDIA_TYPE
from protocol.ietf.lengths import non_negative
from protocol.metadata import parse_metadata
from protocol.structured import boolean, boolean_item, integers

from .answers import one, refusal
from .body import Body
from .errors import NotOffered, NotTus, Trouble, UploadGone, WrongAnswer
from .limits import NO_LIMITS, Limits
from .options import IETF_CHECKSUMS
from .verbs import Announced, Standing, Wanted
from .wire import Reply, Wire

_INHERENT = frozenset({"creation-with-upload", "creation-defer-length", "termination"})
_GONE = frozenset({404, 410})
_MARKS = ("Upload-Complete", "Upload-Offset", "Upload-Limit")
_UNTYPED = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class IetfServer:
    """See `Server`."""

    wire: Wire

    async def announced(self) -> Announced:
        """OPTIONS; a server need not answer it (4.1.4), and then its limits come with the creation."""
        reply = await self.wire.ask("OPTIONS", self.wire.endpoint.url, {})
        if reply.status >= 500 or reply.status == 429:  # noqa: PLR2004  # the two kinds that pass
            raise self._refusal(reply)
        return Announced(extensions=_INHERENT, checksums=IETF_CHECKSUMS, limits=_limits(reply) or NO_LIMITS)

    async def create(self, wanted: Wanted, body: Body | None = None) -> tuple[URL, Standing]:
        """POST. What comes with it may be all."""
        size = 0 if body is None else body.stop
        ends = wanted.length == size
        length = {} if wanted.length is None else {"Upload-Length": str(wanted.length)}
        digest = {} if wanted.digest is None else {"Repr-Digest": _field(wanted.digest)}
        headers = {
            **_says(ends=ends),
            **length,
            **digest,
            **_described(wanted.metadata),
            "Content-Length": str(size),
        }
        reply = await self.wire.ask("POST", self.wire.endpoint.url, headers, body=body)
        self._check(reply)
        standing = self._standing(reply, ends=ends, sent=size)
        return self._place(reply, is_closed=bool(standing.is_closed)), standing

    async def concatenate(self, partials: Sequence[URL], wanted: Wanted) -> URL:  # noqa: ARG002 - the seam's
        """The draft has nothing of the kind, as `Options` says before."""
        raise NotOffered("the IETF draft has no parts that are sent side by side")

    async def head(self, url: URL) -> Standing:
        """HEAD. That all bytes are there does not close it: its client has to say so."""
        reply = await self.wire.ask("HEAD", url, {})
        self._check_upload(reply)
        closed = boolean_item(reply.headers.every("Upload-Complete"))
        length = non_negative(reply.headers, "Upload-Length")
        return Standing(
            offset=non_negative(reply.headers, "Upload-Offset"),
            length=length,
            is_closed=bool(closed),
            limits=_limits(reply),
        )

    async def append(
        self, url: URL, body: Body, *, length: int | None, ends: bool, checksum: Checksum | None
    ) -> Standing:
        """PATCH."""
        headers = {
            **_says(ends=ends),
            "Upload-Offset": str(body.start),
            **({} if length is None else {"Upload-Length": str(length)}),
            **({} if checksum is None else {"Content-Digest": _field(checksum)}),
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(body.size),
        }
        reply = await self.wire.ask("PATCH", url, headers, body=body)
        if checksum is not None and reply.status == 400 and not _is_over(reply):  # noqa: PLR2004  # refused
            # Of a body that was damaged, as 460 is in tus; of anything else, trying ends soon.
            raise Trouble(str(reply))
        self._check_upload(reply)
        standing = self._standing(reply, ends=ends, sent=body.stop)
        if ends and not standing.is_closed:
            raise Trouble(f"{reply}, and the upload is not complete")
        return standing

    async def terminate(self, url: URL) -> None:
        """DELETE."""
        self._check_upload(await self.wire.ask("DELETE", url, {}), marked=False)

    def _standing(self, reply: Reply, *, ends: bool, sent: int) -> Standing:
        """Of an answer that says yes to `sent` bytes."""
        closed = boolean_item(reply.headers.every("Upload-Complete"))
        if not ends and closed:
            raise WrongAnswer(f"{reply}, and the upload is complete, of which more was to come")
        offset = non_negative(reply.headers, "Upload-Offset")
        return Standing(
            offset=sent if ends and offset is None else offset,
            is_closed=ends and closed is not False,
            limits=_limits(reply),
        )

    def _place(self, reply: Reply, *, is_closed: bool) -> URL:
        location = one(reply, "Location")
        if location:
            return self.wire.endpoint.locate(location)
        if is_closed:
            # It is what it was sent to: an answer to a whole upload is that of any POST (4.2.2).
            return self.wire.endpoint.url
        raise WrongAnswer(f"{reply}, without the Location of what was created")

    def _check_upload(self, reply: Reply, *, marked: bool = True) -> None:
        if reply.status in _GONE:
            raise UploadGone(f"the upload is not there: {reply}", status=reply.status)
        self._check(reply, marked=marked)

    def _check(self, reply: Reply, *, marked: bool = True) -> None:
        """Raises Trouble where another attempt may work, else an UploadError, unless it is a yes."""
        if not 200 <= reply.status < 300:  # noqa: PLR2004  # successes
            raise self._refusal(reply)
        if marked and not _is_marked(reply):
            # A server that knows nothing of it took the POST for an ordinary one.
            raise NotTus(f"this is not an IETF-draft endpoint: {reply}, without Upload-Complete")

    def _refusal(self, reply: Reply) -> Exception:
        return refusal(reply, speaks=_is_marked(reply), what="an IETF-draft")


def _is_marked(reply: Reply) -> bool:
    return any(map(reply.headers.has, _MARKS))


def _is_over(reply: Reply) -> bool:
    """The refusal ends the upload (4.4.2)."""
    return boolean_item(reply.headers.every("Upload-Complete")) is True


def _says(*, ends: bool) -> dict[str, str]:
    return {"Upload-Complete": boolean(ends)}


def _field(digest: Checksum) -> str:
    return format_repr_digest([digest]) or ""


def _described(metadata: str) -> dict[str, str]:
    """As HTTP says it (4.2.1); the rest goes to whoever knows tus, too."""
    known = parse_metadata(metadata, limit=len(metadata))
    disposition = {} if known.filename is None else {"Content-Disposition": attachment(known.filename)}
    more = {"Upload-Metadata": metadata} if metadata else {}
    return {"Content-Type": known.filetype or _UNTYPED, **disposition, **more}


def _limits(reply: Reply) -> Limits | None:
    said = reply.headers.every("Upload-Limit")
    return Limits.of(integers(said)) if said else None
