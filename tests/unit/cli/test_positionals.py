"""Files and ids are taken wherever they stand among a command's options."""

import pytest

from tusd_py.cli.parser import ARGUMENTS, make_parser
from tusd_py.cli.positionals import LISTS, joined

ACTIONS = {
    "quarantine": ["release"],
    "key": ["revoke"],
    "webhooks": ["redeliver"],
    "links": ["revoke"],
    "upload": ["http://127.0.0.1/files/"],
}


def given(*arguments: str) -> tuple[list[str], list[str]]:
    """What the command was given, and what nobody understood."""
    options, leftover = make_parser().parse_known_args(arguments)
    left = joined(options, leftover)
    return getattr(options, LISTS.get(arguments[0], ""), []), left


@pytest.mark.parametrize("command", LISTS)
@pytest.mark.parametrize("places", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 2)])
def test_between_options(command: str, places: tuple[int, ...]) -> None:
    front, middle, end = (["a"] * count for count in places)
    if command == "upload":
        front = front or ["a"]  # its own grammar wants one there
        options = (["--quiet"], ["--retries", "3"])
    else:
        options = (["--debug"], ["--config", "x"])
    words = [*ACTIONS.get(command, []), *front, *options[0], *middle, *options[1], *end]
    assert given(command, *words) == ([*front, *middle, *end], [])


def test_behind_two_dashes_everything_is_meant_as_it_is() -> None:
    assert given("rm", "a", "--debug", "--", "--json") == (["a", "--json"], [])


def test_strange_options_and_words_for_nothing_are_left_over() -> None:
    assert given("rm", "a", "--config", "x", "b", "--colour")[1] == ["b", "--colour"]
    assert given("serve", "now")[1] == ["now"]


def test_every_command_that_takes_several_is_known() -> None:
    assert {name for name, text in ARGUMENTS.items() if "..." in text} == set(LISTS)
