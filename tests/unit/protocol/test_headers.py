import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError, RepeatedHeader
from protocol.headers import Headers

from .examples import explains


def test_names_compare_without_regard_to_case() -> None:
    sent = Headers([("uPLOAD-oFFSET", "5")])
    assert sent.one("Upload-Offset") == "5"
    assert sent.has("upload-offset")


def test_without_one_the_others_stay_as_they_were() -> None:
    sent = Headers([("A", "1"), ("b", "2"), ("a", "3"), ("B", "4")])
    left = sent.without("a")
    assert (left.has("A"), left.every("B"), sent.every("A")) == (False, ["2", "4"], ["1", "3"])


def test_a_header_that_was_not_sent_is_none_and_an_empty_one_is_not() -> None:
    sent = Headers([("Upload-Metadata", "")])
    assert sent.one("Upload-Metadata") == ""
    assert sent.has("Upload-Metadata")
    assert sent.one("Upload-Length") is None
    assert not sent.has("Upload-Length")


def test_only_spaces_and_tabs_are_no_part_of_a_value() -> None:
    assert Headers([("X", " \t5\u00a0 ")]).one("X") == "5\u00a0"


@pytest.mark.parametrize("second", ["1", "2", ""])
def test_a_header_sent_twice_is_refused_even_with_equal_values(second: str) -> None:
    sent = Headers([("Upload-Offset", "1"), ("upload-offset", second)])
    with pytest.raises(RepeatedHeader) as refusal:
        sent.one("Upload-Offset")
    assert refusal.value.status == 400
    assert explains(refusal.value, "Upload-Offset", "2 times")


def test_a_repeated_header_that_nobody_asks_for_does_no_harm() -> None:
    assert Headers([("Cookie", "a"), ("Cookie", "b"), ("X", "1")]).one("X") == "1"


@given(st.lists(st.tuples(st.sampled_from(["A", "a", "B"]), st.text())))
def test_looking_up_raises_nothing_but_protocol_errors(pairs: list[tuple[str, str]]) -> None:
    try:
        value = Headers(pairs).one("A")
    except ProtocolError:
        return
    assert value is None or value == value.strip(" \t")
