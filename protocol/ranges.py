"""Range requests for bytes (RFC 9110, 14).

Belongs here: which bytes a Range header asks for. Not here: preconditions (If-Range) and the answer.
"""

import re

from .errors import RangeNotSatisfiable
from .integers import number_in

# Range units compare without regard to case (RFC 9110, 14.1).
_ONE_RANGE = re.compile(r"bytes=[ \t]*(?P<first>[0-9]*)-(?P<last>[0-9]*)[ \t]*", re.ASCII | re.IGNORECASE)


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The bytes [start, stop) of `size` that are asked for; None means send everything.

    Everything is also the answer to what is malformed, in another unit, or several ranges, as a server
    may ignore Range (RFC 9110, 14.2). Raises RangeNotSatisfiable with the Content-Range that tells the size.
    """
    asked = None if header is None else _ONE_RANGE.fullmatch(header)
    if asked is None:
        return None
    first, last = number_in(asked["first"]), number_in(asked["last"])
    if first is None:
        return None if last is None else _suffix(last, size)
    if last is not None and last < first:
        return None
    if first >= size:
        raise _outside(size)
    return first, size if last is None else min(last + 1, size)


def _suffix(count: int, size: int) -> tuple[int, int] | None:
    if count == 0:
        raise _outside(size)
    # Satisfiable, says RFC 9110, 14.1.2, but no Content-Range can name a range of an empty file.
    if size == 0:
        return None
    return max(size - count, 0), size


def _outside(size: int) -> RangeNotSatisfiable:
    return RangeNotSatisfiable(
        f"the range lies outside the file of {size} bytes", headers={"Content-Range": f"bytes */{size}"}
    )
