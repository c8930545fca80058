"""The service's own folders: one with locks and sockets, and one beside the data, with their identity.

Mostly they are the same. Several containers with one data folder may have a service folder each.

Belongs here: making and reading them, and which setting is to blame when that fails. Not here: what the
database says (metadata/facts.py).
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tusd_py.errors import Refused
from tusd_py.metadata.full_disk import HINT, is_full

_IDENTITY = "identity"


def open_service_folder(folder: Path) -> None:
    """Make it if it is not there. Raises Refused."""
    with usable("service folder", "storage.service_dir"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)


def identity_of_data(folder: Path) -> str:
    """What `folder`, beside the data, says about whose they are; said now if they are new. Raises Refused."""
    with usable("data folder", "storage.upload_dir"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        return _read_or_make(folder / _IDENTITY)


def known_identity_of_data(folder: Path) -> str | None:
    """The same for those who only look: None where nothing is said. Raises Refused."""
    with usable("data folder", "storage.upload_dir"):
        try:
            return _read(folder / _IDENTITY)
        except FileNotFoundError:
            return None


def is_there(what: str, path: Path, setting: str) -> bool:
    """Also of what we may not look at: that is refused, not taken for missing. Raises Refused."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as failed:
        raise Refused(
            f"{what} {path} cannot be looked at: {failed.strerror}",
            hint=f"check {setting}, and that user id {os.getuid()} may enter the folders above it",
        ) from failed
    return True


@contextmanager
def usable(what: str, setting: str, *, wanted: str = "be a folder") -> Iterator[None]:
    """Say of which setting it is what the system refuses meanwhile. Raises Refused."""
    try:
        yield
    except OSError as failed:
        said = failed.strerror if failed.filename is None else f"{failed.strerror}: {failed.filename}"
        hint = f"{setting} must {wanted} that user id {os.getuid()} may write to"
        raise Refused(
            f"the {what} cannot be used: {said}", hint=HINT if is_full(failed) else hint
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
    return _read(path)


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()
