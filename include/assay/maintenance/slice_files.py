"""Slice files that no book has: what micro-batches that were cut off have left behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

from assay.ledger.query import Connection
from assay.ledger.stream_slices import recorded_slices
from assay.settings import Settings
from assay.storage.addresses import ObjectPath, Place
from assay.storage.objects import folders_in, remove, stored_below
from assay.words import count

SUFFIX = ".parquet"
OLD_SECONDS = 86_400.0  # a micro-batch is recorded, or made again, within seconds


def sweep_slice_files(settings: Settings, connection: Connection, *, dry_run: bool) -> str:
    """Remove slice files older than a day that no stream has recorded."""
    swept = 0
    root = settings.accepted / "streams"
    for stream in folders_in(root):
        dataset = stream.rpartition(".")[0]
        old = {_slice_id(stream, name): root / stream / name for name in _old_files(root / stream)}
        known = recorded_slices(connection, [(dataset, slice_id) for slice_id in old])
        for slice_id, place in old.items():
            # Asked again: a stream that has waited for a day may record it meanwhile.
            if (dataset, slice_id) not in known and not recorded_slices(
                connection, [(dataset, slice_id)]
            ):
                swept += 1
                if not dry_run:
                    remove(place)
    return f"slice files: {count(swept, 'file')} {'to remove' if dry_run else 'removed'}"


def _slice_id(stream: str, name: str) -> str:
    return f"{stream}/{name.removesuffix(SUFFIX)}"


def _old_files(folder: Place) -> Iterator[str]:
    """Names of files that are older than a day; a file that goes meanwhile is none."""
    before = time.time() - OLD_SECONDS
    if isinstance(folder, ObjectPath):
        found = stored_below(folder).items()
        yield from (name for name, facts in found if facts.changed < before)
        return
    for entry in os.scandir(folder):
        with suppress(FileNotFoundError):
            if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < before:
                yield entry.name
