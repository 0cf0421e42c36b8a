"""Which file system the lake is on, and the refusal of those where Delta could lose a commit."""

from __future__ import annotations

import re
from pathlib import Path

from assay.errors import StackError
from assay.settings import Settings
from assay.storage.finding import Finding

MOUNTS = Path("/proc/self/mounts")
# Several hosts can have these mounted, and a rename on one need not keep out one on another.
SHARED = re.compile(
    r"nfs4?|cifs|smb3|smbfs|9p|afs|ceph|lustre|beegfs|gpfs|orangefs|pvfs2|glusterfs|fuse(\..+)?"
)


def refuse_shared_storage(settings: Settings) -> None:
    """Raises StackError when other hosts may write where the lake is."""
    finding = lake_storage(settings)
    if not finding.ok:
        raise StackError(f"{finding.found}, where two writers could both commit; {finding.remedy}")


def lake_storage(settings: Settings) -> Finding:
    """The file system of the lake, and what to do when it is not safe.

    Beside a lake on S3 the locks are on one, and not safer than it is.
    """
    on_s3 = settings.lake_address is not None
    kind = file_system(settings.home if on_s3 else Path(settings.lake))
    what = f"the folder of the locks {settings.home}" if on_s3 else f"the lake {settings.lake}"
    found = f"{what} is on a file system of type {kind or 'unknown'}"
    if settings.one_writer or not (kind and SHARED.fullmatch(kind)):
        return Finding("storage", found)
    remedy = (
        "set ASSAY_HOME to a folder on a local disk; or set ASSAY_ONE_WRITER=yes, if no other "
        "host ever writes there (docs/deployment.md)"
    )
    return Finding("storage", found, remedy)


def file_system(path: Path) -> str:
    """The type of the file system that the path is on; empty where the kernel does not tell."""
    if not MOUNTS.exists():
        return ""
    path = path.resolve()
    # Of two mounts at one place the later one covers the other.
    best, kind = Path("/"), ""
    for line in MOUNTS.read_text().splitlines():
        _, place, candidate, *_ = line.split(" ")
        folder = Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), place))
        if path.is_relative_to(folder) and folder.is_relative_to(best):
            best, kind = folder, candidate
    return kind
