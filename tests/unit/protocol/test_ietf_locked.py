"""What a client of the IETF draft hears of an upload whose writer did not let go in time."""

import pytest

from protocol.errors import UploadInterrupted, UploadLocked
from protocol.ietf.interop import Interop
from protocol.ietf.refusals import answer_refused


@pytest.mark.parametrize(
    ("version", "status"), [(None, 503), (3, 503), (5, 423), (6, 423), (8, 503), (9, 503)]
)
def test_only_tus_js_client_hears_423(version: int | None, status: int) -> None:
    """Of HEAD it goes on after 423 alone, and begins anew after 503; others give up after any 4xx."""
    answer = answer_refused(UploadLocked(), Interop(version=version), {})
    assert (answer.status, answer.headers["Retry-After"]) == (status, "1")


def test_whoever_is_interrupted_hears_503() -> None:
    assert answer_refused(UploadInterrupted(), Interop(version=6), {}).status == 503
