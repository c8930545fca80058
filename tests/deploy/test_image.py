"""The shipped Containerfile: what it copies is there, and what it sets is a setting.

To build it takes minutes and other people's images; docs/deploy.md says with what it was.
"""

import re
import shlex
import tomllib
from fnmatch import fnmatch

from tests.harness.server import ROOT
from tusd_py.config.environment import read_environment

INSTRUCTIONS = (ROOT / "deploy" / "Containerfile").read_text().replace("\\\n", " ")
NOT_SHIPPED = {"bench", "dev", "node"}
"""Extras of those who work on the project."""


def sources() -> list[str]:
    """What is copied out of the project."""
    copies = [shlex.split(line)[1:] for line in INSTRUCTIONS.splitlines() if line.startswith("COPY ")]
    return [name for words in copies if not words[0].startswith("--from") for name in words[:-1]]


def ignored(name: str) -> bool:
    """As .dockerignore has it: the last line that fits decides."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    decided = False
    for line in lines:
        if fnmatch(name, line.removeprefix("!").removeprefix("**/")):
            decided = not line.startswith("!")
    return decided


def test_what_it_copies_is_there_and_reaches_the_build() -> None:
    assert {"pyproject.toml", "tusd_py", "web"} <= set(sources())
    for name in sources():
        assert (ROOT / name).exists(), name
        assert not ignored(name), name


def test_what_is_built_or_private_does_not_reach_it() -> None:
    for name in ("node_modules", "__pycache__", "tusd_py/server/web", "data", ".git", "config.toml"):
        assert ignored(name), name


def test_everything_that_the_build_reads_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    read = [project["project"]["readme"], *project["project"]["license-files"], *wheel["packages"]]
    assert set(read) <= set(sources())


def test_it_has_every_part_of_the_server() -> None:
    found = re.search(r"'\.\[(.+)\]'", INSTRUCTIONS)
    assert found is not None
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(found.group(1).split(",")) == set(extras) - NOT_SHIPPED


def test_what_it_sets_are_settings() -> None:
    words = [word for line in INSTRUCTIONS.splitlines() if line.startswith("ENV ") for word in line.split()]
    heard = read_environment(dict(word.split("=", 1) for word in words if "=" in word))
    assert not heard.warnings
    assert not heard.problems
    assert {entry.key.variable for entry in heard.entries} >= {"TUSD_PY_SERVER__HOST"}


def test_it_does_not_run_as_root() -> None:
    last = INSTRUCTIONS.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
