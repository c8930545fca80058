"""The smallest thing to write to a database, and to read again."""

from tusd_py.metadata.database import Database, Query, Script


def fact(name: str, value: str) -> Query:
    return Query(
        "INSERT INTO facts (name, value, updated_at) VALUES (:name, :value, {now})",
        {"name": name, "value": value},
    )


def put(name: str, value: str) -> Script[str]:
    yield fact(name, value)
    return value


async def value_of(database: Database, name: str) -> str | None:
    rows = await database.read(Query("SELECT value FROM facts WHERE name = :name", {"name": name}))
    return rows[0]["value"] if rows else None
