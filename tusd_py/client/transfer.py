"""One upload, from wherever it stands to its end.

Belongs here: which request comes next: create, ask for the offset, append; and what a failure leads back to.
Not here: requests (tus.py, ietf.py), waiting (retry.py), uploads made of several (parallel.py).
"""

from dataclasses import dataclass, field

from yarl import URL

from protocol.checksum import Checksum

from .body import Body
from .checksums import checksum_of
from .errors import GaveUp, NotOffered, SourceSpent, Trouble, UploadError, UploadGone, WrongAnswer
from .limits import Limits
from .memo import Memo
from .options import Options
from .progress import Tally
from .retry import Notice, Patience
from .sources import BytesSource, Source
from .verbs import Announced, Server, Standing, Wanted

_DIGEST = "sha256"
_MOST_BEGINNINGS = 3
"""How often one call creates its upload: a server that loses each of them will lose the next one, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the parts of one upload have in common."""

    server: Server
    announced: Announced
    options: Options
    memo: Memo
    tally: Tally
    notice: Notice


@dataclass(slots=True, kw_only=True)
class Transfer:
    """Moves the bytes of `source` to one upload."""

    around: Circumstances
    source: Source
    number: int = 0
    """Which part of the whole this is."""
    metadata: str = ""
    is_partial: bool = False
    url: URL | None = None
    """Where an earlier call left off; set once the upload is created."""
    resumed_from: int = 0
    """Bytes that the server had before this call."""
    _offset: int | None = None
    """None while it has to be asked for."""
    _furthest: int = 0
    """The largest offset that the server ever told."""
    _offered: int = 0
    """No byte from here on was ever handed to a connection: the server cannot have it."""
    _is_declared: bool = False
    """The server knows the length."""
    _is_closed: bool | None = None
    """See `Standing`."""
    _limits: Limits = field(init=False)
    _is_recalled: bool = False
    _beginnings: int = 0
    _patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self._patience = Patience(self.around.options.retries, self.around.notice)
        self._limits = self.around.announced.limits
        self._is_recalled = self.url is not None
        if self._is_recalled:
            # What earlier calls sent is not known: perhaps all, and some of it may still be on its way.
            self._offered = self.source.length or 0

    async def run(self) -> URL:
        """The URL of the upload, whose every byte the server has. Raises UploadError."""
        while self.url is None or not self._is_complete:
            try:
                await self._step()
            except Trouble as trouble:
                # Whatever happened, only the server knows where the upload stands now.
                self._offset = None
                await self._patience.wait(trouble)
            except UploadGone as gone:
                await self._begin_again(gone)
        return self.url

    @property
    def _is_complete(self) -> bool:
        has_all = self._is_declared and self._offset is not None and self._offset == self.source.length
        return has_all and self._is_closed is not False

    async def _step(self) -> None:
        if self.url is None:
            await self._create()
        elif self._offset is None:
            await self._ask(self.url)
        else:
            await self._append(self.url, self._offset)

    async def _create(self) -> None:
        # Of a stream this reads so far that short ones have a length.
        stop = await self.source.reach(0, self._step_size)
        self._limits.check(self.source.length)
        wanted = Wanted(
            length=self.source.length,
            metadata=self.metadata,
            is_partial=self.is_partial,
            digest=None if self.is_partial else await digest_of(self.source, self.around),
        )
        if wanted.length is None and not self.around.announced.may_have("creation-defer-length"):
            raise NotOffered(
                "the server does not announce creation-defer-length, so the length must be known"
            )
        body = self._body(0, stop) if self._goes_with_creation else None
        self.url, standing = await self.around.server.create(wanted, body)
        self._offered = 0 if body is None else body.handed_out
        self._is_declared = wanted.length is not None
        self._beginnings += 1
        await self.around.memo.keep_part(self.number, self.url)
        if not self.around.server.wire.endpoint.trusts(self.url):
            self.around.notice(f"the upload is on another host, {self.url}: your headers are not sent there")
        await self._check_sent(standing.offset)
        self._stands(standing)

    @property
    def _step_size(self) -> int:
        return self._limits.step(self.around.options.step)

    @property
    def _goes_with_creation(self) -> bool:
        options, length = self.around.options, self.source.length
        most = min(options.with_creation, self._step_size or options.with_creation)
        return (
            length is not None
            and 0 < length <= most
            and options.checksum is None
            and "creation-with-upload" in self.around.announced.extensions
        )

    async def _ask(self, url: URL) -> None:
        standing = await self.around.server.head(url)
        if standing.offset is None:
            raise Trouble(f"HEAD {url}: no Upload-Offset")
        if not self._fits(standing.offset, standing):
            found = f"{standing.offset} of {standing.length} bytes"
            wrong = WrongAnswer(f"{url} stands at {found}, what is sent has {self.source.length}")
            if not self._is_recalled:
                raise wrong
            await self._begin_again(wrong)
            return
        await self._check_sent(standing.offset)
        self._is_declared = standing.length is not None or bool(standing.is_closed)
        if self._is_recalled:
            self.resumed_from, self._is_recalled = standing.offset, False
        self._stands(standing)

    def _fits(self, offset: int, standing: Standing) -> bool:
        """Whether an upload can be one of this source."""
        ours = self.source.length
        if ours is None:
            return not standing.is_closed
        return standing.length in (None, ours) and (offset == ours if standing.is_closed else offset <= ours)

    async def _append(self, url: URL, offset: int) -> None:
        stop = await self.source.reach(offset, self._step_size)
        algorithm = self.around.options.checksum
        checksum = (
            await checksum_of(algorithm, self.source, offset, stop) if algorithm and stop > offset else None
        )
        body = self._body(offset, stop)
        length = None if self._is_declared else self.source.length
        try:
            standing = await self.around.server.append(
                url, body, length=length, ends=stop == self.source.length, checksum=checksum
            )
        finally:
            self._offered = max(self._offered, body.handed_out)
        reached = standing.offset
        # Without bytes, a PATCH only declares the length, and moves nothing.
        if reached is None or not min(offset + 1, stop) <= reached <= body.handed_out:
            sent = f"bytes {offset} to {body.handed_out} were sent"
            raise Trouble(f"PATCH {url}: {sent}, Upload-Offset is {reached}")
        self._is_declared = self._is_declared or self.source.length is not None
        self._stands(standing)

    def _body(self, start: int, stop: int) -> Body:
        return Body(
            source=self.source,
            start=start,
            stop=stop,
            on_sent=lambda offset: self.around.tally.sent(self.number, offset),
        )

    async def _check_sent(self, offset: int | None) -> None:
        """Raises WrongAnswer for an upload that has more than it was sent."""
        if offset is not None and offset > self._offered:
            # Going on from there would leave a hole that nobody sees; a later call may not do it, either.
            await self.around.memo.drop_part(self.number)
            raise WrongAnswer(f"{self.url} has {offset} bytes, and was sent {self._offered}")

    def _stands(self, standing: Standing) -> None:
        self._offset = offset = standing.offset
        self._is_closed = standing.is_closed
        self._limits = standing.limits or self._limits
        if offset is None:
            return
        if offset < self._furthest:
            self.around.notice(
                f"{self.url} went back from byte {self._furthest} to {offset}: sending that again"
            )
        if offset > self._furthest:
            self._patience.restore()
            self._furthest = offset
        if not self.is_partial:
            self.around.tally.length = self.source.length
        self.around.tally.confirmed(self.number, offset)

    async def _begin_again(self, gone: UploadError) -> None:
        """The server does not have the upload (any more): it expired, or somebody deleted it."""
        if self.source.floor:
            raise SourceSpent(f"{gone}, and what was sent of the stream cannot be read again") from gone
        if self._beginnings == _MOST_BEGINNINGS:
            raise GaveUp(f"{gone}; began {_MOST_BEGINNINGS} times") from gone
        self.around.notice(f"{gone}; beginning again from byte 0")
        await self.around.memo.drop_part(self.number)
        self.url = self._offset = self._is_closed = None
        self._furthest = 0
        self._is_recalled = False
        self.around.tally.confirmed(self.number, 0)


async def digest_of(source: Source, around: Circumstances) -> Checksum | None:
    """What all of it hashes to, where that is to be said. Raises NotOffered for what cannot be read twice."""
    options, length = around.options, source.length
    if options.digest is None:
        is_cheap = isinstance(source, BytesSource) or (length or 0) <= options.with_creation
        if options.protocol != "ietf" or length is None or not is_cheap:
            return None
    if options.digest is False:
        return None
    if length is None:
        raise NotOffered(
            "a stream cannot be read twice, so nobody can say beforehand what all of it hashes to"
        )
    return await checksum_of(_DIGEST, source, 0, length)
