"""The commands `tusd-py links` and `tusd-py signing-keys`. A server may run meanwhile.

Belongs here: opening the database, printing. Not here: rows (metadata/), what a link opens
(uploads/links.py).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

from protocol.errors import UploadNotFound
from protocol.upload import parse_upload_id
from tusd_py.config.settings import Settings
from tusd_py.errors import Refused
from tusd_py.masking import escape_controls
from tusd_py.metadata.database import Conflict
from tusd_py.metadata.links import Link, LinkRows
from tusd_py.metadata.signing_keys import SigningKey, SigningKeyRows

from .operator import FAILED, PAGE, opened_database, operator
from .printing import as_line, as_moment, say
from .sharing import new_key

_LINK_HEAD = ("LINK", "FILE", "STATE", "USES", "OF", "EXPIRES", "CREATED", "BY")
_KEY_HEAD = ("KEY", "CREATED", "RETIRED")


def list_links(settings: Settings, files: Sequence[str], *, as_json: bool) -> int:
    """Print links, of all files where none is named; never what opens them, which nobody has."""

    async def run() -> int:
        async with opened_database(settings) as database:
            if not as_json:
                say("\t".join(_LINK_HEAD))
            async for link in _links(LinkRows(database), files):
                say(json.dumps(_link_object(link)) if as_json else _link_line(link))
        return 0

    return asyncio.run(run())


def revoke_links(settings: Settings, names: Sequence[str]) -> int:
    """0 when all of them are closed now."""

    async def run() -> int:
        left = 0
        async with opened_database(settings) as database:
            rows = LinkRows(database)
            for name in names:
                link = await rows.find(name) if _is_id(name) else None
                is_done = link is not None and await rows.revoke(link, actor=operator())
                left += not is_done
                say(
                    f"{escape_controls(name)}: "
                    f"{'revoked' if is_done else 'there is no such link, or it was revoked'}"
                )
        return FAILED if left else 0

    return asyncio.run(run())


def list_signing_keys(settings: Settings, *, as_json: bool) -> int:
    """Print the keys that count, newest first; never their secrets."""

    async def run() -> int:
        async with opened_database(settings) as database:
            if not as_json:
                say("\t".join(_KEY_HEAD))
            for key in await SigningKeyRows(database).all():
                cells = (key.id, as_moment(key.created_at), as_moment(key.retired_at))
                say(json.dumps(_key_object(key)) if as_json else "\t".join(cell or "-" for cell in cells))
        return 0

    return asyncio.run(run())


def rotate_signing_key(settings: Settings, *, at_once: bool) -> int:
    """Sign with a new key from now on. Raises Refused when somebody else does the same."""

    async def run() -> int:
        async with opened_database(settings) as database:
            actor = operator()
            try:
                key = await SigningKeyRows(database).rotate(new_key(), actor=actor, at_once=at_once)
            except Conflict:
                raise Refused("somebody else rotated the keys in this moment", hint="try again") from None
        older = "what older keys signed counts no more" if at_once else "older ones count until it ends"
        say(f"{key.id} signs from now on; {older}")
        return 0

    return asyncio.run(run())


async def _links(rows: LinkRows, files: Sequence[str]) -> AsyncIterator[Link]:
    for file_id in files:
        for link in await rows.of_file(file_id, limit=PAGE):
            yield link
    after = (-1, "")
    while not files and (page := await rows.page(after, PAGE)):
        for link in page:
            yield link
        after = (page[-1].created_at, page[-1].id)


def _is_id(name: str) -> bool:
    try:
        parse_upload_id(name)
    except UploadNotFound:
        return False
    return True


def _link_object(link: Link) -> dict[str, object]:
    return {
        "link_id": link.id,
        "file_id": link.file_id,
        "version": link.version,
        "state": link.state,
        "uses": link.uses,
        "max_uses": link.max_uses,
        "created_at": as_moment(link.created_at),
        "expires_at": as_moment(link.expires_at),
        "last_used_at": as_moment(link.last_used_at),
        "created_by": link.created_by,
        "tenant": link.tenant,
        "owner": link.owner,
    }


def _link_line(link: Link) -> str:
    version = "" if link.version is None else f":{link.version}"
    cells = (
        link.id,
        f"{link.file_id}{version}",
        link.state,
        str(link.uses),
        "-" if link.max_uses is None else str(link.max_uses),
        as_moment(link.expires_at),
        as_moment(link.created_at),
        link.created_by,
    )
    return as_line(cells)


def _key_object(key: SigningKey) -> dict[str, object]:
    return {"key": key.id, "created_at": as_moment(key.created_at), "retired_at": as_moment(key.retired_at)}
