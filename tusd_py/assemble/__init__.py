"""Putting it together: the only place that knows every concrete class."""

from .catalogue import list_files, remove_files, show_files
from .doctor import doctor
from .event_tools import Looked, export_events, list_webhooks, redeliver, tail_events
from .keys import create_key, list_keys, revoke_keys
from .link_tools import list_links, list_signing_keys, revoke_links, rotate_signing_key
from .quarantine import decide, list_quarantine, rescan
from .serve import run_worker, serve, work
from .tools import fsck, migrate

__all__ = [
    "Looked",
    "create_key",
    "decide",
    "doctor",
    "export_events",
    "fsck",
    "list_files",
    "list_keys",
    "list_links",
    "list_quarantine",
    "list_signing_keys",
    "list_webhooks",
    "migrate",
    "redeliver",
    "remove_files",
    "rescan",
    "revoke_keys",
    "revoke_links",
    "rotate_signing_key",
    "run_worker",
    "serve",
    "show_files",
    "tail_events",
    "work",
]
