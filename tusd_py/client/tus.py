"""The verbs of tus 1.0.0, as a client says them.

Belongs here: one method a verb: its headers, and what its reply tells. Not here: what to do when one fails.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from protocol.checksum import Checksum
from protocol.digest_fields import format_repr_digest
from protocol.tus.body import CONTENT_TYPE

from .answers import check, check_upload, number, one, speaks_tus, words
from .body import Body
from .errors import WrongAnswer
from .verbs import Announced, Standing, Wanted
from .wire import Reply, Wire

_CONCATENATING = 600.0
"""Seconds for the answer to a final upload: servers may copy every byte before they give it."""

_PARTIAL = {"Upload-Concat": "partial"}


@dataclass(frozen=True, slots=True)
class TusServer:
    """See `Server`."""

    wire: Wire

    async def announced(self) -> Announced:
        """OPTIONS."""
        reply = await self.wire.ask("OPTIONS", self.wire.endpoint.url, {})
        # Proxies and CORS layers answer OPTIONS in a server's place: then nothing is announced.
        if reply.status >= 500 or reply.status == 429:  # noqa: PLR2004  # the two kinds that pass
            check(reply, 200, 204)
        says_tus = speaks_tus(reply) or one(reply, "Tus-Version") is not None
        return Announced(
            extensions=frozenset(words(reply, "Tus-Extension") if says_tus else ()),
            checksums=words(reply, "Tus-Checksum-Algorithm") if says_tus else (),
        )

    async def create(self, wanted: Wanted, body: Body | None = None) -> tuple[URL, Standing]:
        """POST."""
        length = (
            {"Upload-Defer-Length": "1"} if wanted.length is None else {"Upload-Length": str(wanted.length)}
        )
        headers = {**length, **_said(wanted), **(_PARTIAL if wanted.is_partial else {}), **_typed(body)}
        reply = await self.wire.ask("POST", self.wire.endpoint.url, headers, body=body)
        url, offset = self._created(reply), 0 if body is None else number(reply, "Upload-Offset")
        return url, Standing(offset=offset, length=wanted.length)

    async def concatenate(self, partials: Sequence[URL], wanted: Wanted) -> URL:
        """POST of the final upload (tus 1.0.0, Concatenation)."""
        headers = {"Upload-Concat": f"final;{' '.join(map(str, partials))}", **_said(wanted)}
        seconds = max(_CONCATENATING, self.wire.idle)
        reply = await self.wire.ask("POST", self.wire.endpoint.url, headers, idle=seconds)
        # 404 is said of a partial: the endpoint was there for those.
        check_upload(reply, 201)
        return self._created(reply)

    async def head(self, url: URL) -> Standing:
        """HEAD."""
        reply = await self.wire.ask("HEAD", url, {})
        check_upload(reply, 200, 204)
        return Standing(offset=number(reply, "Upload-Offset"), length=number(reply, "Upload-Length"))

    async def append(
        self,
        url: URL,
        body: Body,
        *,
        length: int | None,
        ends: bool,  # noqa: ARG002  # the seam's; here the length says it
        checksum: Checksum | None,
    ) -> Standing:
        """PATCH; `length` declares a deferred one."""
        headers = {
            "Upload-Offset": str(body.start),
            **({} if length is None else {"Upload-Length": str(length)}),
            **({} if checksum is None else {"Upload-Checksum": _checksum(checksum)}),
            **_typed(body),
        }
        reply = await self.wire.ask("PATCH", url, headers, body=body)
        check_upload(reply, 204, 200)
        return Standing(offset=number(reply, "Upload-Offset"))

    async def terminate(self, url: URL) -> None:
        """DELETE."""
        check_upload(await self.wire.ask("DELETE", url, {}), 204, 200)

    def _created(self, reply: Reply) -> URL:
        check(reply, 201)
        location = one(reply, "Location")
        if not location:
            raise WrongAnswer(f"{reply}, without the Location of what was created")
        return self.wire.endpoint.locate(location)


def _said(wanted: Wanted) -> dict[str, str]:
    """Of the upload, whatever it is made of. Servers that do not know Repr-Digest pass it over."""
    digest = None if wanted.digest is None else format_repr_digest([wanted.digest])
    return {
        **({"Upload-Metadata": wanted.metadata} if wanted.metadata else {}),
        **({} if digest is None else {"Repr-Digest": digest}),
    }


def _checksum(checksum: Checksum) -> str:
    return f"{checksum.algorithm} {b64encode(checksum.digest).decode('ascii')}"


def _typed(body: Body | None) -> dict[str, str]:
    # The length is said, so that no library sends chunks of its own framing.
    return {} if body is None else {"Content-Type": CONTENT_TYPE, "Content-Length": str(body.size)}
