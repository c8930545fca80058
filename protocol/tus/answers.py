"""What all tus answers have in common.

Belongs here: the one place that stamps Tus-Resumable on an answer, and refusals.
Not here: the answer to one verb, which is in that verb's file.
"""

from collections.abc import Mapping

from protocol.answer import Answer
from protocol.errors import ProtocolError

from .version import VERSION


def tus_answer(
    status: int, headers: Mapping[str, str], body: bytes = b"", *, reason: str | None = None
) -> Answer:
    """Every answer of this dialect is made here: all of them carry Tus-Resumable.

    The specification excuses OPTIONS, but shows the header there too.
    """
    return Answer(status, {"Tus-Resumable": VERSION, **headers}, body, reason)


def answer_error(error: ProtocolError) -> Answer:
    """A refusal, in tusd's form."""
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        # Caches may keep a 404, 405 or 410 by default (RFC 9110, 15.1), and a HEAD must never come from one.
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **error.headers,
    }
    return tus_answer(error.status, headers, error.body.encode("utf-8", "replace"), reason=error.reason)
