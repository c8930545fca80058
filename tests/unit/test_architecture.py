"""Imports go one way, and each room keeps to what it may know.

A new module directly below `tusd_py` must be given its step in STAIRS; that is the moment to think about
where it belongs.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A module imports from its own step and from those above it in this list.
STAIRS = (
    ("conformance",),  # judges any server, so it imports nothing of ours
    ("protocol",),
    ("protocol.tus", "protocol.ietf"),
    ("storage_backends",),
    ("tusd_py.errors", "tusd_py.masking", "tusd_py.version", "tusd_py.neighbours"),
    (
        "tusd_py.digests",
        "tusd_py.randomness",
        "tusd_py.sniffing",
        "tusd_py.standard_webhooks",
        "tusd_py.event_kinds",
        "tusd_py.timestamps",
    ),
    ("tusd_py.client",),  # other people's programs use it: see below what it may know
    ("tusd_py.metadata", "tusd_py.access", "tusd_py.config", "tusd_py.log"),
    ("tusd_py.leases", "tusd_py.standing", "tusd_py.liveness", "tusd_py.wakeups"),
    ("tusd_py.uploads", "tusd_py.work", "tusd_py.scanning", "tusd_py.outbox", "tusd_py.live"),
    ("tusd_py.hooks",),
    ("tusd_py.server", "tusd_py.doctor"),
    ("tusd_py.assemble", "tusd_py.supervisor"),
    ("tusd_py.cli",),
    ("tusd_py", "tusd_py.__main__"),
)

STEP_OF = {room: step for step, rooms in enumerate(STAIRS) for room in rooms}

PACKAGES = ("conformance", "protocol", "storage_backends", "tusd_py")

# Libraries are translated at the one edge that calls them.
AT_HOME = {
    "aiohttp": (
        *("tusd_py.server", "tusd_py.assemble", "tusd_py.client", "tusd_py.outbox", "tusd_py"),
        "tusd_py.hooks",
        "storage_backends",
    ),
    "aiosqlite": ("tusd_py.metadata",),
    "asyncpg": ("tusd_py.metadata",),
    "sqlite3": ("tusd_py.metadata",),
    "pyclamd": ("tusd_py.scanning",),
    "magic": ("tusd_py.sniffing",),
    "jwt": ("tusd_py.access",),
    "cryptography": ("tusd_py.access",),
    "aiobotocore": ("storage_backends", "tusd_py.outbox"),
    "botocore": ("storage_backends", "tusd_py.outbox"),
    "aiokafka": ("tusd_py.outbox",),
    "nats": ("tusd_py.outbox",),
}

# What a rule of the protocol may not touch: clocks, chance, disks, networks, threads, logs.
IMPURE = frozenset(
    {
        *(
            "asyncio",
            "concurrent",
            "fcntl",
            "http",
            "io",
            "logging",
            "mmap",
            "multiprocessing",
            "os",
            "pathlib",
        ),
        *(
            "random",
            "secrets",
            "select",
            "selectors",
            "shutil",
            "signal",
            "socket",
            "socketserver",
            "sqlite3",
        ),
        *("ssl", "subprocess", "tempfile", "threading", "time", "urllib.request", "uuid"),
    }
)

CLOCKS = frozenset({"now", "utcnow", "today"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file of ours."""

    path: Path
    module: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """What its relative imports start from."""
        return self.module if self.path.name == "__init__.py" else self.module.rpartition(".")[0]

    def imported(self) -> Iterator[tuple[str, int]]:
        """Every dotted name that is imported anywhere in the file, with its line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = resolve_name("." * node.level + (node.module or ""), self.package)
                yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def read(path: Path) -> Source:
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Source(path=path, module=module, tree=ast.parse(path.read_text("utf-8"), str(path)))


SOURCES = [read(path) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
OF_PROTOCOL = [source for source in SOURCES if source.module.partition(".")[0] == "protocol"]


def room_of(dotted: str) -> str | None:
    """The longest name in STAIRS that `dotted` lies below; None for what is not ours."""
    parts = dotted.split(".")
    prefixes = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in STEP_OF), None)


def crossings() -> Iterator[tuple[str, str, str]]:
    """(importing room, imported room, where) for every import between two rooms of ours."""
    for source in SOURCES:
        here = room_of(source.module)
        for dotted, line in source.imported():
            there = room_of(dotted)
            # The package itself is imported before any of its modules, so naming it leads nowhere new.
            if here and there and there not in {here, "tusd_py"}:
                yield here, there, f"{source.path.relative_to(ROOT)}:{line}"


def test_every_module_has_its_step() -> None:
    homeless = [
        source.module
        for source in SOURCES
        if source.module != "tusd_py" and room_of(source.module) == "tusd_py"
    ]
    assert not homeless, "give these a step in STAIRS"


def test_imports_go_down_the_stairs_only() -> None:
    climbing = [
        f"{where}: {here} imports {there}"
        for here, there, where in crossings()
        if STEP_OF[there] > STEP_OF[here]
    ]
    assert not climbing


def test_no_two_rooms_import_each_other() -> None:
    graph: dict[str, set[str]] = {room: set() for room in STEP_OF}
    for here, there, _ in crossings():
        graph[here].add(there)
    # Raises CycleError, which names the rooms.
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("library", AT_HOME)
def test_a_library_is_known_to_one_room_only(library: str) -> None:
    elsewhere = [
        f"{source.path.relative_to(ROOT)}:{line}"
        for source in SOURCES
        for dotted, line in source.imported()
        if dotted.partition(".")[0] == library and room_of(source.module) not in AT_HOME[library]
    ]
    assert not elsewhere


@pytest.mark.parametrize("source", OF_PROTOCOL, ids=lambda source: source.module)
def test_protocol_needs_the_standard_library_only(source: Source) -> None:
    names = {dotted.partition(".")[0] for dotted, _ in source.imported()}
    assert names <= sys.stdlib_module_names | {"protocol"}


def test_the_conformance_suite_stands_alone() -> None:
    of_suite = [source for source in SOURCES if source.module.partition(".")[0] == "conformance"]
    names = {dotted.partition(".")[0] for source in of_suite for dotted, _ in source.imported()}
    assert of_suite
    assert names <= sys.stdlib_module_names | {"conformance"}


def test_the_client_knows_the_protocol_and_nothing_of_our_server() -> None:
    known = {there for here, there, _ in crossings() if here == "tusd_py.client"}
    assert known <= {"protocol", "protocol.tus", "protocol.ietf", "tusd_py.errors", "tusd_py.digests"}


def test_only_the_command_line_uses_the_client() -> None:
    assert {here for here, there, _ in crossings() if there == "tusd_py.client"} == {"tusd_py.cli"}


@pytest.mark.parametrize("source", OF_PROTOCOL, ids=lambda source: source.module)
def test_protocol_touches_no_clock_no_disk_and_no_network(source: Source) -> None:
    touched = [
        f"{dotted}:{line}"
        for dotted, line in source.imported()
        if IMPURE & {dotted, dotted.partition(".")[0], dotted.rpartition(".")[0]}
    ]
    clocks = [
        node.attr for node in ast.walk(source.tree) if isinstance(node, ast.Attribute) and node.attr in CLOCKS
    ]
    assert not touched
    assert not clocks


@pytest.mark.parametrize("source", OF_PROTOCOL, ids=lambda source: source.module)
def test_protocol_never_waits(source: Source) -> None:
    waiting = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)
    assert not [node for node in ast.walk(source.tree) if isinstance(node, waiting)]


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_asking_for_the_version_or_help_loads_nothing_heavy(flag: str) -> None:
    script = f"""
import sys
sys.argv = ["tusd-py", {flag!r}]
from tusd_py.cli import main
try:
    code = main()
except SystemExit as ending:
    code = ending.code
known = {{"aiohttp", "aiosqlite", "asyncpg", "pyclamd", "magic", "botocore", "aiobotocore", "uvloop"}}
known |= {{"aiokafka", "nats"}}
known |= {{"jwt", "cryptography"}}
heavy = sorted(known & set(sys.modules))
sys.exit(f"loaded {{heavy}}" if heavy else code)
"""
    asked = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout


def test_files_send_readers_to_files_that_are_there() -> None:
    """What does not belong in one is said to be in another: beside it, or below a folder on the way to it."""
    lost: list[str] = []
    for path in (one for package in PACKAGES for one in sorted((ROOT / package).rglob("*.py"))):
        said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        folders = [ROOT / "tusd_py", *(one for one in path.parents if one.is_relative_to(ROOT))]
        lost += [
            f"{path.relative_to(ROOT)}: {name}"
            for name in re.findall(r"\b[a-z_0-9/]+\.py\b", said)
            if not any((folder / name).exists() for folder in folders)
        ]
    assert lost == []
