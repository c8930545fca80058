"""The service's own folder below the data: its identity, which the database carries too.

Belongs here: making and reading it. Not here: what the database says (metadata/facts.py).
"""

import os
import secrets
from pathlib import Path

from tusd_py.errors import Refused

_IDENTITY = "identity"


def open_service_folder(folder: Path) -> str:
    """Make the folder if it is not there; the identity of the data. Raises Refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        return _read_or_make(folder / _IDENTITY)
    except OSError as failed:
        raise Refused(
            f"the data folder cannot be used: {failed.strerror}: {failed.filename}",
            hint=f"storage.upload_dir must be a folder that user id {os.getuid()} may write to",
        ) from failed


def _read_or_make(path: Path) -> str:
    """Several workers may start at once: one makes it, by a link that succeeds once, and all read it."""
    if not path.exists():
        draft = path.with_name(f"{_IDENTITY}.{secrets.token_hex(4)}")
        with draft.open("x", encoding="ascii") as file:
            file.write(secrets.token_hex(16) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    return path.read_text(encoding="ascii").strip()
