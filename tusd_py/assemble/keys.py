"""The command `tusd-py key`. A server may run meanwhile.

Belongs here: opening the database, printing. Not here: what a key is (access/api_keys.py), its row
(metadata/api_keys.py).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tusd_py.access.api_keys import make_key
from tusd_py.access.identity import LONGEST_NAME, RESERVED, Scope, is_name
from tusd_py.config.settings import Settings
from tusd_py.errors import Mistyped
from tusd_py.metadata.api_keys import ApiKey, ApiKeyRows

from .operator import FAILED, PAGE, operator
from .parts import existing_database
from .printing import as_line, as_moment, say

LONGEST_NOTE = 200
_HEAD = ("ID", "TENANT", "SUBJECT", "SCOPES", "CREATED", "EXPIRES", "USED", "STATE", "NOTE")


def create_key(
    settings: Settings,
    *,
    tenant: str,
    subject: str,
    scopes: Sequence[str],
    life: float | None,
    note: str,
    as_json: bool,
) -> int:
    """Make one and print it; `life` in seconds. Raises Mistyped for a name that cannot be."""
    for what, name in (("--subject", subject), ("--tenant", tenant)):
        if (name or what == "--subject") and not is_name(name):
            raise Mistyped(
                f"{what} is {name!r}, wanted 1 to {LONGEST_NAME} printable characters",
                hint="it becomes a folder's name, with other characters than letters and digits escaped",
            )
    if not tenant and subject in RESERVED:
        raise Mistyped(
            f"--subject is {subject!r}, which stands for visitors without a name, or for the service itself",
            hint="take another name, or give a --tenant",
        )
    if "/" in tenant:
        raise Mistyped(f"--tenant is {tenant!r}, wanted one without a slash")
    if len(note) > LONGEST_NOTE or not (note.isprintable() or not note):
        raise Mistyped(f"--note wants at most {LONGEST_NOTE} printable characters")
    made = make_key(
        tenant=tenant,
        subject=subject,
        scopes=frozenset(Scope(scope) for scope in scopes),
        note=note,
        life=life,
    )

    async def run() -> int:
        async with _rows(settings) as rows:
            await rows.add(made.row, actor=operator())
            kept = await rows.find(made.row.id)
        if as_json and kept is not None:
            say(json.dumps({"key": made.text, **_as_object(kept)}))
        else:
            say(made.text)
        return 0

    return asyncio.run(run())


def list_keys(settings: Settings, *, as_json: bool) -> int:
    """Print all of them, revoked ones too; never a secret, which nobody has."""

    async def run() -> int:
        async with _rows(settings) as rows:
            if not as_json:
                say("\t".join(_HEAD))
            async for key in _all(rows):
                say(json.dumps(_as_object(key)) if as_json else _line(key))
        return 0

    return asyncio.run(run())


def revoke_keys(settings: Settings, names: Sequence[str]) -> int:
    """0 when all of them are revoked now."""

    async def run() -> int:
        left = 0
        async with _rows(settings) as rows:
            for name in names:
                is_done = await rows.revoke(_id_in(name), actor=operator())
                left += not is_done
                say(f"{_id_in(name)}: {'revoked' if is_done else 'there is no such key, or it was revoked'}")
        return FAILED if left else 0

    return asyncio.run(run())


def _id_in(name: str) -> str:
    """Also of a whole key: whoever revokes one that leaked has it at hand. It is not printed again."""
    parts = name.split("_", 2)
    return parts[1] if name.startswith("tpk_") else parts[0]


@asynccontextmanager
async def _rows(settings: Settings) -> AsyncIterator[ApiKeyRows]:
    database = existing_database(settings, migrate=settings.database.migrate)
    await database.open()
    try:
        yield ApiKeyRows(database)
    finally:
        await database.close()


async def _all(rows: ApiKeyRows) -> AsyncIterator[ApiKey]:
    after = (-1, "")
    while page := await rows.page(after, PAGE):
        for key in page:
            yield key
        after = (page[-1].created_at, page[-1].id)


def _state(key: ApiKey) -> str:
    if key.is_revoked:
        return "revoked"
    return "expired" if key.expires_at is not None and key.now >= key.expires_at else "active"


def _as_object(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "tenant": key.tenant,
        "subject": key.subject,
        "scopes": list(key.scopes),
        "created_at": as_moment(key.created_at),
        "expires_at": as_moment(key.expires_at),
        "used_at": as_moment(key.used_at),
        "state": _state(key),
        "note": key.note,
    }


def _line(key: ApiKey) -> str:
    cells = (
        *(key.id, key.tenant, key.subject, ",".join(key.scopes)),
        *map(as_moment, (key.created_at, key.expires_at, key.used_at)),
        *(_state(key), key.note),
    )
    return as_line(cells)
