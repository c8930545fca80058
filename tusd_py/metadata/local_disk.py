"""Which filesystems other hosts may share; SQLite may not live there.

SQLite's write-ahead log needs memory shared between all who use it, and locks that all of them see:
both end at the border of a kernel (sqlite.org/wal.html, "All processes ... must be on the same host").

Belongs here: telling such filesystems. Not here: opening anything.
"""

import os
import re
from pathlib import Path

from tusd_py.errors import Refused

_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")

# Types as the kernel names them. Everything mounted by FUSE as "fuse.<program>" is judged by the program.
_SHARED_BETWEEN_HOSTS = frozenset(
    {
        "9p",
        "afs",
        "afpfs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "gfs2",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
    }
    | {"ocfs2", "orangefs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"}
    | {
        "fuse.beegfs",
        "fuse.ceph",
        "fuse.cephfs",
        "fuse.curlftpfs",
        "fuse.davfs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
    }
    | {"fuse.goofys", "fuse.juicefs", "fuse.moosefs", "fuse.mfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"}
    | {"fuse.seaweedfs", "fuse.vmhgfs-fuse", "fuse.weed", "fuse.mount-s3", "fuse.grpcfuse", "fuse.blobfuse2"}
)


def refuse_shared_filesystem(database: Path, mounts: Path = _MOUNTS) -> None:
    """Raises Refused where other hosts could write to the same files; not where the kernel does not tell."""
    if is_shared_filesystem(database, mounts):
        filesystem = filesystem_type(database, mounts)
        raise Refused(
            f"the SQLite database {database} is on a {filesystem} filesystem, which other hosts may share",
            hint="set database.url to a file on a local disk, or to Postgres",
        )


def is_shared_filesystem(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Other hosts can write to the same files; False where the kernel does not tell."""
    return filesystem_type(path, mounts) in _SHARED_BETWEEN_HOSTS


def filesystem_type(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """The type of the filesystem that holds `path`, which need not exist; None where it cannot be told."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    real = Path(os.path.realpath(path))
    best: tuple[int, str] | None = None
    for line in lines:
        point, filesystem = _mount(line)
        # Of two mounts on the same point the later one hides the earlier.
        if real.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = (len(point.parts), filesystem)
    return None if best is None else best[1]


def _mount(line: str) -> tuple[Path, str]:
    """Mount point and type of a line of mountinfo (proc(5)): the type comes after a lone hyphen."""
    fields = line.split(" ")
    point = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), fields[4])
    return Path(point), fields[fields.index("-") + 1]
