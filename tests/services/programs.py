"""Programs that not every machine has.

Belongs here: finding one, why there is none, and as whom it runs. Not here: running it.
"""

import os
import pwd
import shutil
from collections.abc import Callable
from typing import Any

# "nobody" is everywhere.
_UNPRIVILEGED = ("postgres", "nobody")


def why_missing(find: Callable[[], object], missing: type[Exception]) -> str | None:
    """What `find` says when it raises `missing`; None when it finds."""
    try:
        find()
    except missing as absent:
        return str(absent)
    return None


def find(name: str) -> str | None:
    """On PATH, or where Debian has daemons."""
    return shutil.which(
        name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    )


def unprivileged() -> pwd.struct_passwd | None:
    """Whom programs run as that refuse to be root; None where we are nobody special."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name: user for user in pwd.getpwall()}
    return next(known[name] for name in _UNPRIVILEGED if name in known)


def as_unprivileged() -> dict[str, Any]:
    """The same, for Popen."""
    user = unprivileged()
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
