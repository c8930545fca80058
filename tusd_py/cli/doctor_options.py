"""The options of `tusd-py doctor`.

Belongs here: their grammar. Not here: what is looked at (assemble/doctor.py).
"""

import argparse
from urllib.parse import urlsplit

from tusd_py.config.problems import ConfigErrors, Problem

EPILOG = """\
Nothing is changed but what is taken back: a few small objects in the bucket; with --url also some uploads,
which are deleted. The server may run meanwhile. The exit code is 1 where something is wrong, else 0.

examples:
  tusd-py doctor --config /etc/tusd-py/config.toml
  tusd-py doctor --url https://uploads.example.org/files/ --header @token.txt
"""


def add_doctor_options(parser: argparse.ArgumentParser) -> None:
    """The whole grammar of the command, beside settings."""
    parser.add_argument(
        "--url", metavar="URL", default="", help="also look at the way there: where clients create uploads"
    )
    parser.add_argument(
        "--header",
        metavar="'NAME: VALUE'",
        action="append",
        default=[],
        help="for the server of --url only; @FILE reads lines, as other users can see flags",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object for each finding")


def endpoint(url: str, base_path: str) -> str:
    """With the path of uploads where none is given. Raises ConfigErrors."""
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one:
        raise ConfigErrors(
            [Problem(what=f"--url wants http://... or https://..., found {url!r}", name="", hint="")]
        )
    return parts._replace(path=base_path).geturl() if parts.path in ("", "/") else url
