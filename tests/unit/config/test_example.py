"""The committed example and the page of settings are what the settings say."""

import tomllib
from pathlib import Path

from tusd_py.config import Layer, Settings, load
from tusd_py.config.example import example
from tusd_py.config.keys import explanations, keys, sections
from tusd_py.config.reference import reference

ROOT = Path(__file__).parents[3]


def test_the_committed_example_is_the_generated_one() -> None:
    assert (ROOT / "config.example.toml").read_text("utf-8") == example(), (
        "run python -m tusd_py.config.example"
    )


def test_the_committed_page_is_the_generated_one() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert page == reference(), "run python -m tusd_py.config.reference"


def test_the_example_loads_and_changes_nothing() -> None:
    loaded = load(config_path=ROOT / "config.example.toml", environ={}, flags={})
    assert loaded.settings == Settings()
    assert not loaded.warnings


def test_every_setting_is_in_the_example() -> None:
    named = {f"{section}.{name}" for section, table in tomllib.loads(example()).items() for name in table}
    assert named == set(keys())
    sources = load(config_path=ROOT / "config.example.toml", environ={}, flags={}).sources
    assert {origin.layer for origin in sources.values()} == {Layer.FILE}


def test_every_setting_and_section_is_explained() -> None:
    assert set(explanations()) == {*keys(), *sections()}
    assert all(text.endswith((".", ")")) for text in explanations().values())
