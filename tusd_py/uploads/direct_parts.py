"""Which of what came under its numbers makes an upload.

Some stores keep everything that was sent under a number, others only what came last. Belongs here: choosing.
Not here: asking the store, and the commit (direct.py).
"""

from collections.abc import Iterable, Mapping, Sequence

from protocol.errors import InvalidPart
from storage_backends.base import DirectPlan, SentPart


def newest(plan: DirectPlan, sent: Iterable[SentPart]) -> list[SentPart]:
    """What need not be sent again: of each number what came last, where it has the planned size; in order."""
    last: dict[int, SentPart] = {}
    for one in sent:
        if one.number not in last or last[one.number].at <= one.at:
            last[one.number] = one
    return [
        last[number]
        for number in sorted(last)
        if number <= plan.count and last[number].size == plan.size_of(number)
    ]


def chosen(plan: DirectPlan, sent: Iterable[SentPart], etags: Mapping[int, str] | None) -> list[SentPart]:
    """One for each number, in order. Raises InvalidPart for the first that will not do."""
    there: dict[int, list[SentPart]] = {}
    for one in sent:
        there.setdefault(one.number, []).append(one)
    if etags is not None:
        _check_listed(plan, etags)
        named = {number: _named(there.get(number, ()), etag) for number, etag in etags.items()}
        return [_only(plan, number, named[number], etags[number]) for number in range(1, plan.count + 1)]
    return [_only(plan, number, there.get(number, ()), None) for number in range(1, plan.count + 1)]


def _check_listed(plan: DirectPlan, etags: Mapping[int, str]) -> None:
    unknown = next((number for number in sorted(etags) if not 1 <= number <= plan.count), None)
    if unknown is not None:
        raise InvalidPart(f"part {unknown} is in the list, and there are {plan.count} parts")
    left_out = next((number for number in range(1, plan.count + 1) if number not in etags), None)
    if left_out is not None:
        raise InvalidPart(f"part {left_out} is not in the list, which is of all {plan.count} parts")


def _named(there: Iterable[SentPart], etag: str) -> Sequence[SentPart]:
    return [one for one in there if one.etag.strip('"') == etag]


def _only(plan: DirectPlan, number: int, there: Sequence[SentPart], etag: str | None) -> SentPart:
    if not there:
        known = "" if etag is None else f" with the etag {etag[:80]!a}"
        raise InvalidPart(f"part {number} is not in the store{known}")
    last = max(there, key=lambda one: one.at)
    if last.size != plan.size_of(number):
        raise InvalidPart(f"part {number} has {last.size} bytes, wanted {plan.size_of(number)}")
    if any(one.etag != last.etag for one in there if one.at == last.at):
        # Stores say when by the second.
        raise InvalidPart(f"part {number} came twice at the same time: say its etag, or send it again")
    return last
