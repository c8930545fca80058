"""The verbs of tus 1.0.0, as a client says them.

Belongs here: one method a verb: its headers, and what its reply tells. Not here: what to do when one fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from protocol.tus.body import CONTENT_TYPE

from .answers import check, check_upload, number, one, speaks_tus, words
from .body import Body
from .errors import WrongAnswer
from .wire import Reply, Wire

_CONCATENATING = 600.0
"""Seconds for the answer to a final upload: servers may copy every byte before they give it."""

_PARTIAL = {"Upload-Concat": "partial"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What a server says it can do; nothing where it says nothing."""

    extensions: frozenset[str] = frozenset()
    checksums: tuple[str, ...] = ()

    def may_have(self, extension: str) -> bool:
        """Whether trying makes sense: also where nothing was heard at all."""
        return not self.extensions or extension in self.extensions


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far an upload is."""

    offset: int | None
    """None for a final upload that is not put together yet, and after a creation that did not say."""
    length: int | None
    """None while deferred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The upload that is to be made."""

    length: int | None
    """None defers it (tus 1.0.0, Upload-Defer-Length)."""
    metadata: str = ""
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """One endpoint. Everything raises Trouble, or the UploadError that says why there is no use in trying."""

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

    async def create(self, wanted: Wanted, body: Body | None = None) -> tuple[URL, int | None]:
        """POST: the new upload and its offset; None if it has to be asked for."""
        length = (
            {"Upload-Defer-Length": "1"} if wanted.length is None else {"Upload-Length": str(wanted.length)}
        )
        metadata = {"Upload-Metadata": wanted.metadata} if wanted.metadata else {}
        headers = {**length, **metadata, **(_PARTIAL if wanted.is_partial else {}), **_typed(body)}
        reply = await self.wire.ask("POST", self.wire.endpoint.url, headers, body=body)
        return self._created(reply), 0 if body is None else number(reply, "Upload-Offset")

    async def concatenate(self, partials: Sequence[URL], metadata: str) -> URL:
        """POST of the final upload (tus 1.0.0, Concatenation). Raises UploadGone for a partial."""
        headers = {"Upload-Concat": f"final;{' '.join(map(str, partials))}"}
        if metadata:
            headers["Upload-Metadata"] = metadata
        seconds = max(_CONCATENATING, self.wire.idle)
        reply = await self.wire.ask("POST", self.wire.endpoint.url, headers, idle=seconds)
        # 404 is said of a partial: the endpoint was there for those.
        check_upload(reply, 201)
        return self._created(reply)

    async def head(self, url: URL) -> Standing:
        """HEAD. Raises UploadGone."""
        reply = await self.wire.ask("HEAD", url, {})
        check_upload(reply, 200, 204)
        return Standing(offset=number(reply, "Upload-Offset"), length=number(reply, "Upload-Length"))

    async def append(
        self, url: URL, body: Body, *, length: int | None = None, checksum: str | None = None
    ) -> int | None:
        """PATCH: the new offset; `length` declares a deferred one. Raises UploadGone."""
        headers = {
            "Upload-Offset": str(body.start),
            **({} if length is None else {"Upload-Length": str(length)}),
            **({} if checksum is None else {"Upload-Checksum": checksum}),
            **_typed(body),
        }
        reply = await self.wire.ask("PATCH", url, headers, body=body)
        check_upload(reply, 204, 200)
        return number(reply, "Upload-Offset")

    async def terminate(self, url: URL) -> None:
        """DELETE. Raises UploadGone."""
        check_upload(await self.wire.ask("DELETE", url, {}), 204, 200)

    def _created(self, reply: Reply) -> URL:
        check(reply, 201)
        location = one(reply, "Location")
        if not location:
            raise WrongAnswer(f"{reply}, without the Location of what was created")
        return self.wire.endpoint.locate(location)


def _typed(body: Body | None) -> dict[str, str]:
    # The length is said, so that no library sends chunks of its own framing.
    return {} if body is None else {"Content-Type": CONTENT_TYPE, "Content-Length": str(body.size)}
