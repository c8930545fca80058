"""What the contract tests share."""

from tests.services.postgres import postgres_dsn, postgres_server
from tests.services.seaweedfs import bucket, seaweed, shared_bucket

from .databases import another, database, store

__all__ = [
    "another",
    "bucket",
    "database",
    "postgres_dsn",
    "postgres_server",
    "seaweed",
    "shared_bucket",
    "store",
]
