"""The options of `tusd-py ls`, `tusd-py show` and `tusd-py rm`.

Belongs here: their grammar. Not here: what is done (assemble/catalogue.py).
"""

import argparse

from tusd_py.config.problems import ConfigErrors, Problem

LS_EPILOG = """\
With WORDs only files that have them all: each is the beginning of one in name, path, tags or metadata.

examples:
  tusd-py ls
  tusd-py ls --owner ann report 2026
  tusd-py ls --json
"""
SHOW_EPILOG = """\
A FILE is a file id.

examples:
  tusd-py show 0f343b0931126a20f133d67c2b018a3b
"""
RM_EPILOG = """\
A FILE is a file id. It goes with all its versions, and does not come back. The bytes are removed by the
server, soon if it runs, else when it is started.

examples:
  tusd-py rm 0f343b0931126a20f133d67c2b018a3b
"""


def add_ls_options(parser: argparse.ArgumentParser) -> None:
    """The whole grammar of `ls`, beside settings."""
    parser.add_argument("files", metavar="WORD", nargs="*", help="what to look for")
    parser.add_argument("--owner", metavar="USER", help="only the files of this user")
    parser.add_argument("--tenant", metavar="TENANT", default="", help="of this tenant")
    parser.add_argument("--json", action="store_true", help="one JSON object for each file")


def add_show_options(parser: argparse.ArgumentParser) -> None:
    """The whole grammar of `show`, beside settings."""
    parser.add_argument("files", metavar="FILE", nargs="*", help="file ids")
    parser.add_argument("--json", action="store_true", help="one JSON object for each file")


def add_rm_options(parser: argparse.ArgumentParser) -> None:
    """The whole grammar of `rm`, beside settings."""
    parser.add_argument("files", metavar="FILE", nargs="*", help="file ids")
    parser.add_argument("--json", action="store_true", help="one JSON object for each file")


def check_named(options: argparse.Namespace) -> None:
    """Raises ConfigErrors where FILEs are missing."""
    if options.command in ("show", "rm") and not options.files:
        what = f"{options.command} needs a FILE"
        raise ConfigErrors([Problem(what=what, name="", hint=f"tusd-py {options.command} --help")])
