"""Limits of the gateway: of one request, of a key's rate, of what is held and what is waiting.

A request that is over a limit which passes by itself is answered with Retry-After.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from assay.errors import RequestRefusedError
from assay.intake.filenames import is_final
from assay.settings import Settings
from assay.storage.objects import sizes_below

MIB = 1 << 20
DEPTH_RETRY = 30  # seconds; landing empties when a batch takes it


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds. `waiting_*` is what lies in landing, of one dataset.

    `read_seconds` is how long a body may take, and how long a client may leave answers unread.
    """

    stored_bytes: int = 16 * MIB
    unpacked_bytes: int = 64 * MIB
    records: int = 500_000
    file_bytes: int = 64 * MIB
    held_bytes: int = 256 * MIB
    waiting_files: int = 100_000
    waiting_bytes: int = 20 << 30
    read_seconds: float = 30.0
    connections: int = 1_000
    idempotency_key: int = 200  # characters


class Rates:
    """A bucket of tokens for each key: it holds those of one second, a request takes one."""

    def __init__(self) -> None:
        self.buckets: dict[str, tuple[float, float]] = {}

    def take(self, key_id: str, per_second: int) -> None:
        """Raises RequestRefusedError (429) when the key has made its requests of this second."""
        now = time.monotonic()
        left, at = self.buckets.get(key_id, (float(per_second), now))
        left = min(float(per_second), left + (now - at) * per_second)
        if left < 1:
            self.buckets[key_id] = left, now
            wait = math.ceil((1 - left) / per_second)
            raise RequestRefusedError(
                429, f"more than {per_second:,} requests a second", retry_after=max(1, wait)
            )
        self.buckets[key_id] = left - 1, now


class Held:
    """Bytes of bodies in memory, from the first that is read to the answer."""

    def __init__(self, most: int) -> None:
        self.most, self.now = most, 0

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Raises RequestRefusedError (503) when there is no room for so many more bytes."""
        if self.now + size > self.most:
            raise RequestRefusedError(503, "too many bodies at once", retry_after=1)
        self.now += size
        try:
            yield
        finally:
            self.now -= size


def _files_in(folder: Path) -> Iterator[tuple[str, int]]:
    """Names and sizes of what is there; batches take files meanwhile."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                yield entry.name, entry.stat(follow_symlinks=False).st_size


class Depth:
    """What waits in landing, by dataset, as it was when somebody last looked."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self.settings, self.limits = settings, limits
        self.waiting: dict[str, tuple[int, int]] = {}

    def look(self, dataset: str) -> None:
        """Count files and bytes in the landing folder of a dataset."""
        folder = self.settings.landing / dataset
        found = _files_in(folder) if isinstance(folder, Path) else sizes_below(folder).items()
        sizes = [size for name, size in found if is_final(name)]
        self.waiting[dataset] = len(sizes), sum(sizes)

    def require_room(self, dataset: str) -> None:
        """Raises RequestRefusedError (503) when more waits than batches take."""
        files, size = self.waiting.get(dataset, (0, 0))
        if files >= self.limits.waiting_files or size >= self.limits.waiting_bytes:
            raise RequestRefusedError(
                503,
                f"{files:,} files of {dataset} ({size:,} bytes) wait in landing for a batch",
                retry_after=DEPTH_RETRY,
            )
