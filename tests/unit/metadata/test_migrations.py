"""Which migrations there are. That they apply is shown by the contract suite."""

import pytest

from tusd_py.metadata.migrations import migrations


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_migrations_are_numbered_from_one_without_gaps(dialect: str) -> None:
    numbers = [migration.number for migration in migrations(dialect)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_both_dialects_have_the_same_migrations() -> None:
    names = [[migration.name for migration in migrations(dialect)] for dialect in ("sqlite", "postgres")]
    assert names[0] == names[1]
