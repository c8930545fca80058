"""What the contract tests share. Servers are not named here: they would be others than everybody's."""

from .databases import another, database, empty_store, migrated_sqlite, store
from .gates import held_gate, postgres

__all__ = ["another", "database", "empty_store", "held_gate", "migrated_sqlite", "postgres", "store"]
