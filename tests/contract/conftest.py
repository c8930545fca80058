"""What the contract tests share."""

from tests.services.postgres import postgres_dsn, postgres_server

from .databases import another, database, store

__all__ = ["another", "database", "postgres_dsn", "postgres_server", "store"]
