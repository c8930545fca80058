"""clamd's answers: only the exact text is a verdict."""

import pytest

from protocol.upload import Verdict
from tusd_py.scanning.replies import checked_version, judge, signatures_age
from tusd_py.scanning.scanner import NoVerdict


@pytest.mark.parametrize(
    ("reply", "verdict", "name"),
    [
        (b"stream: OK\0", Verdict.CLEAN, None),
        (b"stream: Win.Test.EICAR_HDB-1 FOUND\0", Verdict.INFECTED, "Win.Test.EICAR_HDB-1"),
        (b"stream: A FOUND FOUND\0", Verdict.INFECTED, "A FOUND"),
        (
            b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0",
            Verdict.UNSCANNABLE,
            "Heuristics.Limits.Exceeded.MaxFileSize",
        ),
        (b"stream: Heuristics.Encrypted.Zip FOUND\0", Verdict.UNSCANNABLE, "Heuristics.Encrypted.Zip"),
        (b"stream: Heuristics.Phishing.Email FOUND\0", Verdict.INFECTED, "Heuristics.Phishing.Email"),
        (b"INSTREAM size limit exceeded. ERROR\0", Verdict.UNSCANNABLE, "StreamMaxLength"),
    ],
)
def test_an_exact_answer_is_a_verdict(reply: bytes, verdict: Verdict, name: str | None) -> None:
    answer = judge(reply, is_whole=True)
    assert (answer.verdict, answer.name) == (verdict, name)


ODD = [
    b"",
    b"\0",
    b"stream: OK",
    b"stream: OK\n",
    b"stream: O",
    b"stream: ok\0",
    b" stream: OK\0",
    b"stream: OK \0",
    b"stream: OK\0stream: OK\0",
    b"stream: X FOUND\0stream: OK\0",
    b"stream: OK\0\0",
    b"stream:  FOUND",
    b"stream: FOUND\0",
    b"stream: X\nY FOUND\0",
    b"stream: Can't allocate memory ERROR\0",
    b"COMMAND READ TIMED OUT\0",
    b"UNKNOWN COMMAND\0",
    b"PONG\0",
    b"/etc/passwd: OK\0",
    b"stream: \xff FOUND\0",
    b"x" * 5000,
]


@pytest.mark.parametrize("reply", ODD)
def test_whatever_else_it_says_is_no_verdict(reply: bytes) -> None:
    with pytest.raises(NoVerdict):
        judge(reply, is_whole=True)


@pytest.mark.parametrize("reply", [b"stream: OK\0", b"stream: X FOUND\0", *ODD])
def test_no_verdict_is_given_before_the_end_of_the_stream(reply: bytes) -> None:
    with pytest.raises(NoVerdict):
        judge(reply, is_whole=False)


def test_a_version_has_a_date_or_it_has_not() -> None:
    dated = "ClamAV 1.4.6/27800/Tue Nov 24 09:31:00 2026"
    assert checked_version(dated) == dated
    assert signatures_age(dated, 1795599060.0) == pytest.approx(86400 * 1.0, abs=86400)
    assert signatures_age(checked_version("ClamAV 1.4.6"), 0.0) is None


@pytest.mark.parametrize("said", ["", "ClamAV", "ClamAV 1.4.6/278", "clamd 1.4.6", "ClamAV 1.4.6\nx", "OK"])
def test_an_odd_version_is_refused(said: str) -> None:
    with pytest.raises(NoVerdict):
        checked_version(said)
