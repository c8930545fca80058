"""Which filesystems SQLite may live on."""

from pathlib import Path

import pytest

from tusd_py.errors import Refused
from tusd_py.metadata.local_disk import filesystem_type, refuse_shared_filesystem

MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /srv/up rw - xfs /dev/vdb rw
24 22 0:44 / /srv/up\040loads rw,relatime shared:9 master:1 - nfs4 filer:/x rw,vers=4.2
25 22 0:45 / /mnt/s rw - fuse.sshfs me@there: rw
26 25 0:46 / /mnt/s/local rw - ext4 /dev/vdc rw
27 22 0:47 / /mnt/over rw - ext4 /dev/vdd rw
28 22 0:48 / /mnt/over rw - cifs //there/share rw
""".lstrip()


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTS)
    return file


@pytest.mark.parametrize(
    ("path", "filesystem"),
    [
        ("/var/lib/tusd.db", "ext4"),
        ("/srv/up/tusd.db", "xfs"),
        ("/srv/upper/tusd.db", "ext4"),
        ("/srv/up loads/a/tusd.db", "nfs4"),
        ("/mnt/s/tusd.db", "fuse.sshfs"),
        ("/mnt/s/local/tusd.db", "ext4"),
        ("/mnt/over/tusd.db", "cifs"),
    ],
)
def test_the_innermost_and_latest_mount_counts(mounts: Path, path: str, filesystem: str) -> None:
    assert filesystem_type(Path(path), mounts) == filesystem


def test_a_shared_filesystem_is_refused_by_name(mounts: Path) -> None:
    with pytest.raises(Refused, match="nfs4") as refused:
        refuse_shared_filesystem(Path("/srv/up loads/tusd.db"), mounts)
    assert "Postgres" in refused.value.hint
    refuse_shared_filesystem(Path("/srv/up/tusd.db"), mounts)


def test_a_link_is_followed_to_where_it_leads(mounts: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/mnt/s")
    assert filesystem_type(tmp_path / "link" / "tusd.db", mounts) == "fuse.sshfs"


def test_a_kernel_that_does_not_tell_refuses_nothing(tmp_path: Path) -> None:
    refuse_shared_filesystem(Path("/srv/tusd.db"), tmp_path / "missing")
