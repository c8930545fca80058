"""Pages name only files that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_on_security_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    named = re.findall(r"`((?:tests|tusd_py|docs)/[\w./]+)`", page)
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_it_answers_every_requirement_on_file_handling() -> None:
    """OWASP ASVS 5.0.0, chapter V5."""
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    counts = {"5.1": 1, "5.2": 6, "5.3": 3, "5.4": 3}
    wanted = [f"{section}.{n}" for section, count in counts.items() for n in range(1, count + 1)]
    assert re.findall(r"^\| (5\.\d\.\d) ", page, re.MULTILINE) == wanted
