"""The word behind a command that does several things, as in `key create`.

Belongs here: its grammar. Not here: what each of them wants besides (the options of that command).
"""

import argparse
from collections.abc import Callable, Sequence

_ONE_WORD = {"ls": "list", "list": "ls"}
"""Some commands have the one, some the other, and nobody remembers which."""


def add_action(parser: argparse.ArgumentParser, actions: Sequence[str]) -> None:
    """One of `actions`, which is wanted, as `options.action`."""
    parser.add_argument(
        "action", metavar="|".join(actions), type=_meant(actions), choices=actions, help="what to do"
    )


def _meant(actions: Sequence[str]) -> Callable[[str], str]:
    def meant(text: str) -> str:
        other = _ONE_WORD.get(text, text)
        return other if text not in actions and other in actions else text

    return meant
