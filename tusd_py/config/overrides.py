"""Other limits for some users: one line for each, "tenant/user name=value ...".

Belongs here: reading such a line. Not here: who is meant by it (access/quotas.py).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .complaint import Complaint
from .units import Unreadable, parse_size

EVERYBODY = "*"
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What is different for whom."""

    tenant: str
    """Empty where there are no tenants."""
    user: str
    """EVERYBODY is each user of the tenant."""
    values: Mapping[str, int]


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise Unreadable
    return int(text)


QUOTA: Mapping[str, Callable[[str], int]] = {
    "bytes": parse_size,
    "files": _number,
    "open_uploads": _number,
    "max_size": parse_size,
}
"""What a line may say."""
_WANTED = 'lines such as "alice bytes=5GB files=1000" or "acme/* open_uploads=5"'


def parse_override(line: str) -> Override:
    """Raises Unreadable, which says what is wrong."""
    if not line.strip():
        raise Unreadable("it is empty")
    who, *pairs = line.split()
    tenant, slash, user = who.rpartition("/")
    if not user or (slash and not tenant) or (user == EVERYBODY and not tenant):
        raise Unreadable(f"{who!r} is neither a user nor tenant/user nor tenant/*")
    values: dict[str, int] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if name not in QUOTA or not equals:
            raise Unreadable(f"{pair!r} is not one of {', '.join(f'{known}=' for known in QUOTA)}")
        try:
            values[name] = QUOTA[name](text)
        except Unreadable:
            raise Unreadable(f"{text!r} is no value for {name}") from None
    if not values:
        raise Unreadable("nothing is different")
    return Override(tenant=tenant, user=user, values=values)


def complain_about_overrides(lines: Sequence[str]) -> Complaint | None:
    """For the setting as a whole."""
    seen: set[tuple[str, str]] = set()
    for item, line in enumerate(lines):
        try:
            override = parse_override(line)
        except Unreadable as wrong:
            return Complaint(what=f"cannot be read: {wrong}", found=repr(line), wanted=_WANTED, item=item)
        if (override.tenant, override.user) in seen:
            wanted = "one line for each"
            return Complaint(what="names somebody twice", found=repr(line), wanted=wanted, item=item)
        seen.add((override.tenant, override.user))
    return None
