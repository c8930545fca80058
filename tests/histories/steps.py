"""What clients, operators and time may do in a history, and how often.

A step says what somebody wants, never what the server has: so any list of steps is a history, and can be
shrunk and replayed, although a cut leaves as many bytes as it happens to.

Belongs here: the choice. Not here: doing it (history.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from .ietf_words import VERSIONS
from .requests import DIGESTS
from .service import MAX_SIZE
from .values import Dialect, Kind, Manner, Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is sent; `size` counts where `amount` does not say it."""

    amount: str
    """"some", the "rest" of the upload, or "too much"."""
    size: int
    chunked: bool
    proof: Proof
    algorithm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    dialect: Dialect
    kind: Kind
    length: int | None
    metadata: str
    body: Body | None
    manner: Manner


@dataclass(frozen=True, slots=True, kw_only=True)
class CutCreate:
    """A creation whose body ends early, which the client of the IETF draft can go on from."""

    length: int | None
    body: Body
    reach: float
    how: str
    manner: Manner


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenate:
    picks: Sequence[int]
    anything: bool
    """Not only partials."""
    absolute: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    pick: int
    body: Body
    off: int
    """Added to the right offset."""
    declares: str | None
    manner: Manner
    override: bool
    astray: bool
    """In the words of the other dialect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A body that ends early, after `reach` of it."""

    pick: int
    body: Body
    reach: float
    how: str
    declares: str | None
    manner: Manner


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    pick: int
    override: bool
    astray: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """HEAD and GET; only HEAD where it is asked `astray`."""

    pick: int
    manner: Manner
    astray: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A request that no upload makes right."""

    pick: int
    what: int
    """Of those that the dialect has."""


@dataclass(frozen=True, slots=True)
class HalfADay:
    """Passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    kill: bool


Step = Create | CutCreate | Concatenate | Patch | Cut | Delete | Look | Mistake | HalfADay | Restart

METADATA = ("", "filename YS50eHQ=", "empty,key IA==", "name 4pi6,filetype aW1hZ2UvcG5n")
"""As sent, and as they must come back."""

_picks = st.integers(0, 9)
_sizes = st.sampled_from((500, 0, 1, 63, 64, 65, 5000, 20_000, 300_000, 1_300_000))
_lengths = st.sampled_from(
    (10, None, None, 0, 1, 64, 65, 1000, 1000, 20_000, 300_000, 1_500_000, MAX_SIZE, MAX_SIZE + 1)
)
_declares = st.sampled_from((*[None] * 6, "what follows", "more", "less", "other"))
_rarely = st.sampled_from((False, False, False, True))


def _bodies(amounts: Sequence[str], proofs: Sequence[Proof]) -> st.SearchStrategy[Body]:
    return st.builds(
        Body,
        amount=st.sampled_from(amounts),
        size=_sizes,
        chunked=st.booleans(),
        proof=st.sampled_from(proofs),
        algorithm=st.sampled_from(tuple(DIGESTS)),
    )


_whole = _bodies(
    ("some", "some", "rest", "rest", "rest", "too much"), (*[Proof.NONE] * 5, Proof.RIGHT, Proof.WRONG)
)
_broken_off = _bodies(("some",), (Proof.NONE, Proof.NONE, Proof.RIGHT))

_manners = st.builds(Manner, complete=st.booleans(), version=st.sampled_from(VERSIONS))
_known_manners = st.builds(Manner, complete=st.booleans(), version=st.sampled_from(VERSIONS[1:]))
_reaches = st.sampled_from((1.0, 0.0, 0.01, 0.3, 0.7))
_cuts = st.sampled_from((*("close", "reset", "overtake") * 7, "kill", "terminate"))
_dialects = st.sampled_from(Dialect)

# A strategy, and how often of 100; the first is what a shrunk history has most of.
_STEPS: Sequence[tuple[int, st.SearchStrategy[Step]]] = (
    (5, st.builds(Look, pick=_picks, manner=_manners, astray=_rarely)),
    (
        22,
        st.builds(
            Create,
            dialect=_dialects,
            kind=st.sampled_from((Kind.WHOLE, Kind.PARTIAL, Kind.PARTIAL)),
            length=_lengths,
            metadata=st.sampled_from(METADATA),
            body=st.none() | _whole,
            manner=_manners,
        ),
    ),
    (
        4,
        st.builds(
            CutCreate,
            length=_lengths,
            body=_broken_off,
            reach=_reaches,
            how=_cuts,
            manner=_known_manners,
        ),
    ),
    (
        32,
        st.builds(
            Patch,
            pick=_picks,
            body=_whole,
            off=st.sampled_from((*[0] * 12, -1, 1, 1 << 40)),
            declares=_declares,
            manner=_manners,
            override=_rarely,
            astray=st.sampled_from((*[False] * 15, True)),
        ),
    ),
    (
        12,
        st.builds(
            Cut,
            pick=_picks,
            body=_broken_off,
            reach=_reaches,
            how=_cuts,
            declares=_declares,
            manner=_manners,
        ),
    ),
    (
        8,
        st.builds(
            Concatenate,
            picks=st.lists(_picks, min_size=1, max_size=4),
            anything=_rarely,
            absolute=st.booleans(),
        ),
    ),
    (6, st.builds(Delete, pick=_picks, override=_rarely, astray=_rarely)),
    (4, st.builds(Mistake, pick=_picks, what=st.integers(0, 9))),
    (6, st.builds(HalfADay)),
    (1, st.builds(Restart, kill=st.booleans())),
)


def histories(length: int) -> st.SearchStrategy[list[Step]]:
    """Histories of that many steps."""
    chosen = st.sampled_from([steps for times, steps in _STEPS for _ in range(times)])
    return st.lists(chosen.flatmap(lambda steps: steps), min_size=length, max_size=length)
