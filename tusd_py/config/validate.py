"""Running the rules over values, and saying who gave the bad ones.

Belongs here: from complaints to problems.
Not here: the rules (rules.py, combinations.py) and the layers (load.py).
"""

from collections.abc import Collection, Iterator
from dataclasses import astuple

from .combinations import COMBINATIONS, Origins
from .complaint import Complaint
from .keys import Key, keys
from .kinds import Value
from .problems import ConfigErrors, Layer, Origin, Problem
from .rules import RULES, complain_about_text
from .settings import Settings

IN_CODE = Origin(layer=Layer.FLAG, name="Settings")
"""Where values stand that a program made itself."""


def validate(settings: Settings) -> None:
    """Hold settings that a program made to the rules of files. Raises ConfigErrors with every fault."""
    origins = {key.dotted: _origin_in_code(settings, key) for key in keys().values()}
    problems = [
        problem
        for key in keys().values()
        if (problem := fault_of(key, value_of(settings, key), origins[key.dotted])) is not None
    ]
    problems += combination_faults(settings, origins, broken=())
    if problems:
        raise ConfigErrors(problems)


def value_of(settings: Settings, key: Key) -> Value:
    """What the settings hold for the key."""
    return getattr(getattr(settings, key.section), key.name)


def _origin_in_code(settings: Settings, key: Key) -> Origin:
    is_default = value_of(settings, key) == key.default
    return Origin(layer=Layer.DEFAULT, name="Settings") if is_default else IN_CODE


def fault_of(key: Key, value: Value, origin: Origin) -> Problem | None:
    """What is wrong with one value that has the right type."""
    complaint = _text_complaint(value)
    if complaint is None and key.dotted in RULES:
        complaint = RULES[key.dotted](value)
    return None if complaint is None else _problem(key, complaint, origin)


def _text_complaint(value: Value) -> Complaint | None:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, tuple):
        return None
    return next(filter(None, map(complain_about_text, _plain(texts))), None)


def _plain(texts: tuple[Value, ...]) -> Iterator[str]:
    """Every text in it, those in tables too."""
    for text in texts:
        if isinstance(text, str):
            yield text
        else:
            yield from _plain(text if isinstance(text, tuple) else astuple(text))


def combination_faults(settings: Settings, origins: Origins, *, broken: Collection[str]) -> Iterator[Problem]:
    """What is wrong between settings, leaving out whatever involves a broken one."""
    for involved, check in COMBINATIONS:
        if not any(key in broken for key in involved) and (blame := check(settings, origins)) is not None:
            yield _problem(keys()[blame.key], blame.complaint, origins[blame.key])


def _problem(key: Key, complaint: Complaint, origin: Origin) -> Problem:
    mark = origin.value
    if complaint.item is not None and complaint.item < len(origin.items):
        mark = origin.items[complaint.item]
    return Problem(
        what=f"{key.dotted} {complaint.what}",
        name=origin.name,
        mark=mark,
        found=complaint.found,
        wanted=complaint.wanted,
        hint=complaint.hint,
        is_secret=key.kind.is_secret,
    )
