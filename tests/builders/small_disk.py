"""A disk of a test's own that is soon full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import statvfs
from pathlib import Path

import pytest


@dataclass(frozen=True)
class SmallDisk:
    """A mounted file system in memory."""

    folder: Path

    @property
    def filler(self) -> Path:
        return self.folder / "filler"

    def fill(self, left: int = 0) -> None:
        """Leave this many bytes, or fewer where somebody else writes there meanwhile."""
        self.free()
        found = statvfs(self.folder)
        missing = found.f_bavail * found.f_frsize - left
        with self.filler.open("wb", buffering=0) as file, suppress(OSError):
            while missing > 0:
                missing -= file.write(b"x" * min(missing, 1 << 20))

    def free(self) -> None:
        self.filler.unlink(missing_ok=True)

    def remount(self, how: str) -> None:
        """`ro` to refuse writers from now on, `rw` to take them again."""
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.folder)], check=True)


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[SmallDisk]:
    """Mount one at a folder. The test is skipped where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    size = f"size={mebibytes}m"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk needs root")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
