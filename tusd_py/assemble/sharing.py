"""Links and the journal of downloads, put together.

Belongs here: settings to constructor arguments. Not here: what a link opens (uploads/links.py), HTTP.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tusd_py.config.settings import Settings
from tusd_py.config.units import HOUR
from tusd_py.metadata.database import Database
from tusd_py.metadata.links import LinkRows
from tusd_py.metadata.signing_keys import NewKey, SigningKeyRows
from tusd_py.randomness import random_hex
from tusd_py.uploads.context import Context
from tusd_py.uploads.journal import Journal
from tusd_py.uploads.links import LinkLimits, Links
from tusd_py.uploads.tickets import Tickets
from tusd_py.work.closed_links import forget_closed
from tusd_py.work.rounds import Round

LINK_TOKEN_BYTES = 32
KEY_BYTES = 32
WRITE_EVERY = 1.0
"""Seconds that the event of a download may wait, and what of them a kill may cost."""
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What the faces of downloads work with."""

    links: Links
    tickets: Tickets
    journal: Journal
    writing: Round
    """Also once more at the end."""
    rounds: Sequence[Round]


def longest_signed(settings: Settings) -> float:
    """Seconds that anything lives which is signed with these keys."""
    downloads, access = settings.downloads, settings.access
    return max(downloads.url_expiry, downloads.share_resume, access.upload_token_expiry, access.ticket_expiry)


def new_key() -> NewKey:
    """A key that nobody has."""
    return NewKey(id=random_hex(4), secret=secrets.token_bytes(KEY_BYTES))


def make_sharing(settings: Settings, context: Context, database: Database) -> Sharing:
    """Its `links.context` is `context` with the journal."""
    downloads = settings.downloads
    journal = Journal(database, context.meter, clock=time.monotonic, records=downloads.record)
    rows, keys = LinkRows(database), SigningKeyRows(database)
    limits = LinkLimits(
        expiry=downloads.share_expiry,
        max_expiry=downloads.share_max_expiry,
        per_file=downloads.share_max_links,
    )
    writing = Round(name="journal", every=WRITE_EVERY, action=journal.write)
    forgetting = Round(
        name="links",
        every=settings.storage.sweep_interval or HOUR,
        action=lambda: forget_closed(
            rows,
            keys,
            links_after=int(downloads.share_keep * _MICROSECONDS),
            keys_after=int((longest_signed(settings) + HOUR) * _MICROSECONDS),
        ),
    )
    return Sharing(
        links=Links(context=replace(context, downloaded=journal.downloaded), rows=rows, limits=limits),
        tickets=Tickets(keys=keys, clock=time.time, new_key=new_key),
        journal=journal,
        writing=writing,
        rounds=(writing, forgetting),
    )
