"""Limits of the gateway: of one request, of a key's rate, of what is held and what is waiting.

A request that is over a limit which passes by itself is answered with Retry-After.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from assay.contracts.model import Contract
from assay.errors import RequestRefusedError
from assay.intake.filenames import is_final
from assay.intake.survey import BOMB_SIZE
from assay.settings import Settings
from assay.storage.objects import sizes_below

MIB = 1 << 20
KEYS_AT_ONCE = 4  # that can each hold all that is their share of the room
DEPTH_RETRY = 30  # seconds; landing empties when a batch takes it


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds. `waiting_*` is what lies in landing, of one dataset.

    `made_bytes` are those of the lines that a body becomes, where names and empty fields are added;
    for a file they are `file_bytes`, of which acceptance takes any, however well they are packed.
    `read_seconds` is how long a body may take, and how long a client may leave answers unread.
    """

    stored_bytes: int = 16 * MIB
    unpacked_bytes: int = 64 * MIB
    records: int = 500_000
    made_bytes: int = 128 * MIB
    file_bytes: int = BOMB_SIZE
    held_bytes: int = 256 * MIB
    waiting_files: int = 100_000
    waiting_bytes: int = 20 << 30
    read_seconds: float = 30.0
    connections: int = 1_000
    idempotency_key: int = 200  # characters

    def text_of_file(self, contract: Contract) -> int:
        """Bytes of UTF-8 that a file of the dataset may hold; of UTF-16 it has twice as many."""
        most = min(self.file_bytes, contract.limits.unpacked_bytes)
        return most // 2 - 1 if contract.dialect.encoding == "utf-16" else most


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
    """Bytes of bodies in memory, from the first that is read to the answer.

    A key has a part of the room, or that of one request, so that no key can keep out all others.
    """

    def __init__(self, most: int) -> None:
        self.most, self.share, self.now = most, most // KEYS_AT_ONCE, 0
        self.by_key: dict[str, int] = {}

    @contextmanager
    def request(self, key_id: str) -> Iterator[Hold]:
        """What one request holds, until its answer is known."""
        hold = Hold(self, key_id)
        try:
            yield hold
        finally:
            hold.have(0)
            if not self.by_key[key_id]:
                del self.by_key[key_id]


class Hold:
    """What one request holds of the room."""

    def __init__(self, held: Held, key_id: str) -> None:
        self.held, self.key_id, self.size = held, key_id, 0

    def require_room(self, size: int) -> None:
        """Raises RequestRefusedError when there is no room for a request that holds so many bytes.

        429 when requests of the same key are what is in the way, else 503.
        """
        others = self.held.by_key.get(self.key_id, 0) - self.size
        if others and others + size > self.held.share:
            raise RequestRefusedError(429, "too many bodies of this key at once", retry_after=1)
        if self.held.now - self.size + size > self.held.most:
            raise RequestRefusedError(503, "too many bodies at once", retry_after=1)

    def have(self, size: int) -> None:
        """Hold so many bytes from now on. Raises RequestRefusedError as `require_room` does."""
        if size > self.size:
            self.require_room(size)
        more, self.size = size - self.size, size
        self.held.now += more
        self.held.by_key[self.key_id] = self.held.by_key.get(self.key_id, 0) + more


def _files_in(folder: Path) -> Iterator[tuple[str, int]]:
    """Names and sizes of what is there; batches take files meanwhile."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                yield entry.name, entry.stat(follow_symlinks=False).st_size


class Depth:
    """What waits in landing, by dataset, as it was when somebody last looked.

    Between two looks are as many `pauses` as one takes: landing may have very many files.
    """

    pauses = 20

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
        """Raises RequestRefusedError (503) when more waits than batches take.

        From now on somebody looks at this dataset too.
        """
        files, size = self.waiting.setdefault(dataset, (0, 0))
        if files >= self.limits.waiting_files or size >= self.limits.waiting_bytes:
            raise RequestRefusedError(
                503,
                f"{files:,} files of {dataset} ({size:,} bytes) wait in landing for a batch",
                retry_after=DEPTH_RETRY,
            )


class Lag:
    """Records that wait in topics for a stream, by dataset, as it was when somebody last looked.

    `count` says how many they are now, of a dataset.
    """

    pauses = 1

    def __init__(self, count: Callable[[str], int], most: int) -> None:
        self.count, self.most = count, most
        self.waiting: dict[str, int] = {}

    def look(self, dataset: str) -> None:
        """Ask how many wait."""
        self.waiting[dataset] = self.count(dataset)

    def require_room(self, dataset: str) -> None:
        """Raises RequestRefusedError (503) when more wait than may, as Depth does of landing."""
        records = self.waiting.setdefault(dataset, 0)
        if records > self.most:
            raise RequestRefusedError(
                503,
                f"{records:,} records of {dataset} wait in its topics for a stream",
                retry_after=DEPTH_RETRY,
            )
