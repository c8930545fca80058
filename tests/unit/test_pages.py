"""Pages name only what is there: pages, headings, files, settings and errors."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.errors import leaves
from tusd_py.config.keys import keys

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*/README.md")],
    key=str,
)
"""Those that people read."""
MADE = ("web/dist/",)
"""What a build makes."""
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(page: Path) -> set[str]:
    """Those that GitHub gives to headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = set[str]()
    for heading in re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        plain = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        n = 0
        while (name := f"{plain}-{n}" if n else plain) in found:
            n += 1
        found.add(name)
    return found


def broken(page: Path) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pages
def test_a_page_links_to_what_is_there(page: Path) -> None:
    assert list(broken(page)) == []


@pages
def test_a_page_names_files_that_exist(page: Path) -> None:
    rooms = "tests|tusd_py|protocol|storage_backends|docs|deploy|examples|bench|conformance|web"
    named = re.findall(rf"`((?:{rooms})/[\w./*-]+)`", page.read_text("utf-8"))
    assert [path for path in named if not path.startswith(MADE) and not list(ROOT.glob(path))] == []


@pages
def test_a_page_names_settings_that_exist(page: Path) -> None:
    known = keys()
    sections = {name.partition(".")[0] for name in known}
    found = set(re.findall(r"`([a-z0-9]+)\.([a-z0-9_]+)(?: = [^`]*)?`", page.read_text("utf-8")))
    named = {f"{section}.{key}" for section, key in found if section in sections}
    assert sorted(named - set(known) - NO_SETTINGS) == []


NO_SETTINGS = {"scan.off", "storage.doubt", "uploads.ts", "live.ts"}
"""Lines of the log, and files of the page, which are called like sections."""


@pages
def test_a_page_names_errors_that_exist(page: Path) -> None:
    known = {error.code for error in leaves()}
    assert sorted(set(re.findall(r"\bERR_[A-Z0-9_]+", page.read_text("utf-8"))) - known) == []


def test_the_page_on_errors_names_what_something_raises() -> None:
    """Errors that are looked up, not raised, are named where that happens."""
    rooms = ("protocol", "storage_backends", "tusd_py")
    files = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    text = "\n".join(path.read_text("utf-8") for path in files if path != ROOT / "protocol" / "errors.py")
    named = set(re.findall(r"\w+", text))
    assert [error.__name__ for error in leaves() if error.__name__ not in named] == []


def test_the_page_on_security_names_many_tests() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    assert len(re.findall(r"`tests/[\w./]+`", page)) > 15


def test_it_answers_every_requirement_on_file_handling() -> None:
    """OWASP ASVS 5.0.0, chapter V5."""
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    counts = {"5.1": 1, "5.2": 6, "5.3": 3, "5.4": 3}
    wanted = [f"{section}.{n}" for section, count in counts.items() for n in range(1, count + 1)]
    assert re.findall(r"^\| (5\.\d\.\d) ", page, re.MULTILINE) == wanted
