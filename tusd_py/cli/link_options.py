"""The options of `tusd-py links` and `tusd-py signing-keys`.

Belongs here: their grammar. Not here: what is done (assemble/link_tools.py).
"""

import argparse

from tusd_py.config.problems import ConfigErrors, Problem

from .actions import add_action

LINKS_EPILOG = """\
`ls` lists share links, all of them or those of the files named; their URLs are kept nowhere. `revoke` wants
the ids of links. The server may run meanwhile.

examples:
  tusd-py links ls
  tusd-py links ls 0f343b0931126a20f133d67c2b018a3b
  tusd-py links revoke 54a1eb8433648db5588cf716a98ab39d
"""
SIGNING_KEYS_EPILOG = """\
Signed URLs, tickets and upload tokens are signed with the newest key; `rotate` makes a new one. What older
keys signed counts until it ends, except with --at-once, which takes all of it back. The server may run
meanwhile.

examples:
  tusd-py signing-keys list
  tusd-py signing-keys rotate
  tusd-py signing-keys rotate --at-once
"""
_LINKS = ("ls", "revoke")
_SIGNING_KEYS = ("list", "rotate")


def add_link_options(parser: argparse.ArgumentParser) -> None:
    """The whole grammar of `links`, beside settings."""
    add_action(parser, _LINKS)
    parser.add_argument("names", metavar="ID", nargs="*", help="files for ls, links for revoke")
    parser.add_argument("--json", action="store_true", help="one JSON object for each link")


def add_signing_key_options(parser: argparse.ArgumentParser) -> None:
    """The whole grammar of `signing-keys`, beside settings."""
    add_action(parser, _SIGNING_KEYS)
    parser.add_argument("--json", action="store_true", help="one JSON object for each key")
    parser.add_argument(
        "--at-once", action="store_true", help="with rotate: what older keys signed counts no more"
    )


def check_link_options(options: argparse.Namespace) -> None:
    """Raises ConfigErrors where an ID is missing."""
    if options.command == "links" and options.action == "revoke" and not options.names:
        what = "links revoke needs the ID of a link"
        raise ConfigErrors([Problem(what=what, name="", hint="tusd-py links --help")])
