"""How a check is written down.

Belongs here: the decorator and the value it makes. Not here: the checks (sections/), running them (run.py).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .probe import Probe
from .specification import Specification
from .verdict import Level

Ask = Callable[[Probe], Awaitable[None]]
"""Returns when the server did well; raises Failed, NotOffered or Unclear otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One requirement, and the way to find out."""

    ids: tuple[str, ...]
    level: Level
    specification: Specification
    section: str
    """Of the specification, or what the habit is about."""
    wants: str
    needs: tuple[str, ...]
    """Extensions, or the draft, without which the check is not offered."""
    rough: bool
    """It may break a weak server, so it is asked after all that are not."""
    ask: Ask

    @property
    def name(self) -> str:
        """The function's name as a sentence."""
        return str(getattr(self.ask, "__name__", "")).replace("_", " ")


class Section:
    """The checks of one part of the specification, in the order they are written."""

    def __init__(
        self, title: str, *, rough: bool = False, specification: Specification = Specification.TUS
    ) -> None:
        self.title = title
        self.rough = rough
        self.specification = specification
        self.checks: list[Check] = []

    def check(self, *ids: str, level: Level, wants: str, needs: tuple[str, ...] = ()) -> Callable[[Ask], Ask]:
        """Register a function for these requirement ids; it stays callable."""

        def register(ask: Ask) -> Ask:
            written = Check(
                ids=ids,
                level=level,
                specification=self.specification,
                section=self.title,
                wants=wants,
                needs=needs,
                rough=self.rough,
                ask=ask,
            )
            self.checks.append(written)
            return ask

        return register
