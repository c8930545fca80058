"""What the contract tests share. Servers are not named here: they would be others than everybody's."""

from .databases import another, database, empty_store, migrated_sqlite, store

__all__ = ["another", "database", "empty_store", "migrated_sqlite", "store"]
