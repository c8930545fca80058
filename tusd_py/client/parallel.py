"""One file as several uploads side by side, put together by the server (tus 1.0.0, Concatenation).

Belongs here: cutting the source, running the parts, and making the final upload.
Not here: one part (transfer.py).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

from yarl import URL

from .errors import GaveUp, Trouble, UploadGone, WrongAnswer
from .options import Options
from .retry import Patience, patiently
from .sources import Source, Span
from .transfer import Circumstances, Transfer, digest_of
from .verbs import Standing, Wanted

SMALLEST_PART = 1 << 20
"""Bytes; less is sooner sent than asked for."""

_MOST_FINALS = 2
"""How often the final upload is made: a part may have expired while the others were sent."""


def parts_of(length: int | None, options: Options) -> int:
    """How many parts are worth their requests."""
    return 1 if length is None else max(1, min(options.parallel, length // SMALLEST_PART))


@dataclass(slots=True, kw_only=True)
class Parallel:
    """The parts of `source`, and the upload that is made of them."""

    around: Circumstances
    source: Source
    spans: Sequence[tuple[int, int]]
    metadata: str
    urls: dict[int, URL]
    """Parts that an earlier call left."""
    final: URL | None = None
    """The final upload, if an earlier call came so far."""
    resumed_from: int = 0
    """Bytes that the server had before this call."""
    _patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self._patience = Patience(self.around.options.retries, self.around.notice)

    async def run(self) -> URL:
        """The URL of the final upload, which the server has put together. Raises UploadError."""
        if self.final is not None:
            self.resumed_from = self.source.length or 0
        for _ in range(_MOST_FINALS):
            try:
                return await self._finished(self.final or await self._joined())
            except UploadGone as gone:
                self.around.notice(f"{gone}; looking at every part again")
                self.final = None
        raise GaveUp(f"the parts were sent {_MOST_FINALS} times, and the server lost some each time")

    async def _joined(self) -> URL:
        """Send what is missing of the parts, and have them put together."""
        partials = await self._parts()
        wanted = Wanted(
            length=self.source.length,
            metadata=self.metadata,
            digest=await digest_of(self.source, self.around),
        )
        concatenate = partial(self.around.server.concatenate, partials, wanted)
        self.final = await patiently(self._patience, concatenate)
        self._patience.restore()
        await self.around.memo.keep_final(self.final)
        return self.final

    async def _parts(self) -> list[URL]:
        transfers = [self._transfer(number) for number in range(len(self.spans))]
        try:
            async with asyncio.TaskGroup() as group:
                for transfer in transfers:
                    group.create_task(transfer.run())
        except ExceptionGroup as failed:
            # One sentence for a person: the other parts failed of the same, or were stopped.
            raise _first(failed) from failed
        self.urls = {transfer.number: transfer.url for transfer in transfers if transfer.url is not None}
        self.resumed_from = sum(transfer.resumed_from for transfer in transfers)
        return [self.urls[number] for number in range(len(self.spans))]

    def _transfer(self, number: int) -> Transfer:
        start, stop = self.spans[number]
        return Transfer(
            around=self.around,
            source=Span(whole=self.source, start=start, stop=stop),
            number=number,
            is_partial=True,
            url=self.urls.get(number),
        )

    async def _finished(self, final: URL) -> URL:
        """Wait until HEAD names the final offset (it does not while the server puts the parts together)."""
        standing = await patiently(self._patience, lambda: self._assembled(final))
        if standing.offset != self.source.length or standing.length != self.source.length:
            found = f"{standing.offset} of {standing.length} bytes"
            raise WrongAnswer(f"{final} has {found}, what was sent has {self.source.length}")
        for number, (start, stop) in enumerate(self.spans):
            self.around.tally.confirmed(number, stop - start)
        return final

    async def _assembled(self, final: URL) -> Standing:
        standing = await self.around.server.head(final)
        if standing.offset is None:
            raise Trouble(f"{final} is not put together yet")
        return standing


def spans_of(length: int, parts: int) -> list[tuple[int, int]]:
    """`parts` ranges of nearly the same size that cover [0, length)."""
    cuts = [length * number // parts for number in range(parts + 1)]
    return list(pairwise(cuts))


def _first(group: ExceptionGroup[Exception]) -> Exception:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, ExceptionGroup) else found
