"""A lake that other hosts could write to at the same time is refused, with the way out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from assay.errors import StackError
from assay.settings import Settings
from assay.storage import file_system as storage
from assay_stack.supervisor import up

MOUNTS = """\
/dev/vda / ext4 rw 0 0
filer:/export /mnt/all\\040teams nfs4 rw 0 0
/dev/vdb /mnt/all\\040teams/local xfs rw 0 0
overlay /srv overlay rw 0 0
bucket /srv/bucket fuse.s3fs rw 0 0
/dev/vdc /srv/bucket ext4 rw 0 0
"""


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mounts"
    path.write_text(MOUNTS)
    monkeypatch.setattr(storage, "MOUNTS", path)
    return path


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home", "ext4"),
        ("/mnt/all teams/assay", "nfs4"),
        ("/mnt/all teams/local/assay", "xfs"),
        ("/srv/bucketful", "overlay"),
        ("/srv/bucket/assay", "ext4"),
    ],
)
@pytest.mark.usefixtures("mounts")
def test_the_innermost_and_latest_mount_counts(folder: str, kind: str) -> None:
    assert storage.file_system(Path(folder)) == kind


def test_this_machine_tells_its_file_system(settings: Settings) -> None:
    assert storage.file_system(settings.home)


@pytest.mark.parametrize("kind", ["nfs", "cifs", "9p", "fuse.s3fs", "lustre", "ceph"])
def test_a_shared_file_system_is_refused_unless_nobody_else_writes(
    settings: Settings, mounts: Path, kind: str
) -> None:
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nothers {settings.home} {kind} rw 0 0\n")
    with pytest.raises(StackError, match=rf"of type {kind}, .*ASSAY_ONE_WRITER=yes"):
        up(settings, print)
    storage.refuse_shared_storage(dataclasses.replace(settings, one_writer=True))
