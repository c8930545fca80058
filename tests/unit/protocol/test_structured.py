"""Structured fields (RFC 9651): RUFH-SF-1 and RUFH-SF-2, and Content-Digest's Dictionary."""

import time
from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.structured import boolean, boolean_item, byte_sequences, integer_item, integers

PARAMETERS = [
    ";x=1",
    ";x",
    "; x=1",
    ";  x=1;y=2",
    ";x=-0.5",
    ';x="a \\"quoted\\" string; with a semicolon"',
    ";x=token/of:its*own",
    ";x=:aGVsbG8=:",
    ";x=?0",
    ";x=@1659578233",
    ';x=%"f%c3%bc%c3%bc"',
    ";*x.y-z_1=1",
]
NO_PARAMETERS = [
    ";",
    ";X=1",
    ";1=x",
    ";x=",
    " ;x=1",
    ";x =1",
    ";x= 1",
    ";x=1;",
    ';x="open',
    ";x=1.0000",
    ";x=1.",
    ";x=?2",
    ";x=(1 2)",
    ';x="\u00fc"',
    ';x="tab\t"',
    ";\tx=1",
    ";x=:a b:",
    ";x=@1.5",
    ';x=%"%C3"',
]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("5", 5),
        ("007", 7),
        ("-0", 0),
        ("-7", -7),
        ("999999999999999", 10**15 - 1),
        ("000000000000000", 0),
        (" 5", 5),
        ("5  ", 5),
    ],
)
def test_an_integer_is_read(text: str, number: int) -> None:
    assert integer_item([text]) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "+5", "- 5", "--5", "5.0", "5.", ".5", "1e3", "0x5", "1_000", '"5"', "'5'", "five", "?1"),
        *(
            "5, 6",
            "5,",
            ",5",
            "5 6",
            "5;",
            "(5)",
            ":NQ==:",
            "@5",
            "\u0665",
            "\u00b2",
            "\uff15",
            "5\n",
            "5\r\n",
        ),
        *("5\x00", "\t5", "5\t", "1000000000000000", "0" * 16, "9" * 5000, "\udcff"),
    ],
)
def test_what_is_no_integer_is_as_if_it_were_absent(text: str) -> None:
    assert integer_item([text]) is None


@pytest.mark.parametrize(("text", "value"), [("?1", True), ("?0", False), ("  ?1", True), ("?0 ", False)])
def test_a_boolean_is_read(text: str, value: bool) -> None:
    assert boolean_item([text]) is value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "1",
            "0",
            "true",
            "false",
            "?2",
            "?",
            "??1",
            "?1?1",
            "?01",
            "? 1",
            '"?1"',
            "?1, ?1",
            "?1,",
            "(?1)",
        ),
        *("?1\n", "?\u0661", "?T", "!1", "?1 ?1", "\t?1"),
    ],
)
def test_what_is_no_boolean_is_as_if_it_were_absent(text: str) -> None:
    assert boolean_item([text]) is None


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_parameters_are_legal_and_say_nothing(parameters: str) -> None:
    assert integer_item(["5" + parameters]) == 5
    assert boolean_item(["?1" + parameters]) is True
    assert boolean_item(["?0" + parameters]) is False
    assert byte_sequences(["a=:aGVsbG8=:" + parameters]) == {"a": b"hello"}


@pytest.mark.parametrize("parameters", NO_PARAMETERS)
def test_behind_malformed_parameters_there_is_no_value(parameters: str) -> None:
    assert integer_item(["5" + parameters]) is None
    assert boolean_item(["?1" + parameters]) is None
    assert byte_sequences(["a=:aGVsbG8=:" + parameters]) == {}


@pytest.mark.parametrize("read", [integer_item, boolean_item])
@pytest.mark.parametrize("values", [[], ["5", "5"], ["5", "6"], ["?1", "?1"], ["?1", ""], ["", "5"]])
def test_a_field_on_no_line_or_on_two_is_as_if_it_were_absent(
    read: Callable[[list[str]], object], values: list[str]
) -> None:
    assert read(values) is None


def test_a_dictionary_may_come_in_several_lines() -> None:
    assert byte_sequences(["a=:AA==:, b=:AQ==:"]) == {"a": b"\0", "b": b"\1"}
    assert byte_sequences(["a=:AA==:", "b=:AQ==:"]) == {"a": b"\0", "b": b"\1"}
    assert byte_sequences(["a=:AA==:\t,\tb=:AQ==:"]) == {"a": b"\0", "b": b"\1"}


def test_of_a_key_that_is_there_twice_the_last_counts() -> None:
    assert byte_sequences(["a=:AA==:, a=:AQ==:"]) == {"a": b"\1"}
    assert byte_sequences(["a=:AA==:", "a=5"]) == {}


def test_members_of_other_types_are_passed_over() -> None:
    others = 'i=5, d=1.5, s="x, y", t=tok, f, n=?0, l=(1 "a)b" :AA==:;p), e=(), z=@5, u=%"%c3%bc"'
    assert byte_sequences([f"{others}, a=:AA==:, {others}"]) == {"a": b"\0"}
    assert integers([f"{others}, a=:AA==:, j=-6;x=1"]) == {"i": 5, "j": -6}


def test_a_dictionary_of_integers_is_read_like_any() -> None:
    assert integers(["max-size=1000, min-size=0", "max-age=60, max-size=5"]) == {
        "max-size": 5,
        "min-size": 0,
        "max-age": 60,
    }
    assert integers(["max-size=1000,"]) == integers(["max-size=1e3"]) == integers([]) == {}


@pytest.mark.parametrize(
    "text",
    [
        *("a=:AA==:,", ",a=:AA==:", "a=:AA==: b=:AQ==:", "a=:AA==:;", "A=:AA==:", "a =:AA==:", "a= :AA==:"),
        *("a=:AA==", "a=AA==:", "a=:A A=:", "a=:AA-_:", "a=:A:", "a=:=AAA:", "a=:A=A=:"),
        *("a=:AA==:, b=(1", "a=:AA==:, b=(1,2)", "a=:AA==:, \u00fc=1", "a=:AA==:\n", "", ",", "=", ":AA==:"),
    ],
)
def test_a_malformed_dictionary_or_sequence_says_nothing(text: str) -> None:
    assert byte_sequences([text]) == {}


def test_a_byte_sequence_may_come_without_its_padding() -> None:
    """ "synthesizing padding if necessary" (RFC 9651, 4.2.7)."""
    assert byte_sequences(["a=:AA:, b=:AAA:, c=:AAAA:, d=::"]) == {
        "a": b"\0",
        "b": b"\0\0",
        "c": b"\0\0\0",
        "d": b"",
    }


def test_what_is_longer_than_any_field_that_somebody_sends_is_not_read() -> None:
    assert integer_item(["5;x=" + "a" * 2000]) == 5
    assert integer_item(["5;x=" + "a" * 2050]) is None
    assert boolean_item(["?1" + " " * 2050]) is None
    assert byte_sequences(["a=:" + "AAAA" * 600 + ":"]) == {}


@pytest.mark.parametrize(
    "hostile",
    [
        "5" + ";a" * 1000 + "!",
        "5" + ";   " * 500,
        "?1" + " " * 2000 + "!",
        "5;a=" + '"' + '\\"' * 1000,
        "5;a=" + '%"' + "%20" * 600,
        "a=(" + "1 " * 1000,
        "a=(" + " " * 2000,
        "a=(" + "1;b=2 " * 330 + "!",
        "a=" + ":" * 2000,
        "a" * 2000,
        "a," * 1000 + "!",
        "a\t" * 1000,
        "-" * 2000,
        "9" * 2000,
        " " * 2047 + "!",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_fields_cost_no_time(hostile: str) -> None:
    began = time.process_time()
    for _ in range(10):
        assert (integer_item([hostile]), boolean_item([hostile])) == (None, None)
        byte_sequences([hostile])
    assert time.process_time() - began < 0.25


# Text that is nearly a field finds more than text of any kind.
NEARLY = st.one_of(
    st.text(max_size=100),
    st.text(alphabet='05-.?;=:," \t\\()@%ax*A/+\x00\u00fc', max_size=40),
    st.lists(
        st.sampled_from(["5", "?1", ";", "x", "=", ":", "AA==", ",", " ", "(", ")", '"', "a=", "\t"])
    ).map("".join),
)


@given(st.lists(NEARLY, max_size=3))
def test_any_field_is_a_value_or_nothing(values: list[str]) -> None:
    number = integer_item(values)
    assert number is None or abs(number) < 10**15
    assert boolean_item(values) in (None, True, False)
    for key, value in byte_sequences(values).items():
        assert key.isascii()
        assert isinstance(value, bytes)


KEYS = st.from_regex(r"\A[a-z*][a-z0-9_.*-]{0,8}\Z")


@given(st.integers(min_value=-(10**15) + 1, max_value=10**15 - 1))
def test_an_integer_that_is_written_is_read_again(number: int) -> None:
    assert integer_item([str(number)]) == number


@given(st.booleans())
def test_a_boolean_that_is_written_is_read_again(value: bool) -> None:
    assert boolean_item([boolean(value)]) is value


@given(st.dictionaries(KEYS, st.binary(max_size=64), max_size=6))
def test_byte_sequences_that_are_written_are_read_again(members: dict[str, bytes]) -> None:
    lines = [f"{key}=:{b64encode(value).decode()}:" for key, value in members.items()]
    assert byte_sequences(lines) == members
    assert byte_sequences([",".join(lines)]) == members
