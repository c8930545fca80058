"""What programs import from `tusd_py`."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import tusd_py


def test_every_public_name_is_where_it_is_said_to_be() -> None:
    homes = vars(tusd_py)["_HOMES"]
    assert set(tusd_py.__all__) == {*homes, "__version__"}
    for name, home in homes.items():
        assert getattr(tusd_py, name) is getattr(import_module(home), name)


def test_type_checkers_are_told_the_same_homes() -> None:
    tree = ast.parse(Path(str(tusd_py.__file__)).read_text("utf-8"))
    told = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told == vars(tusd_py)["_HOMES"]


def test_importing_the_package_imports_no_library() -> None:
    heavy = {"aiohttp", "structlog", "aiosqlite", "asyncio"}
    script = f"import sys, tusd_py; assert not {heavy} & {{*sys.modules}}"
    subprocess.run([sys.executable, "-c", script], check=True)
