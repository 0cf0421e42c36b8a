"""Slice files that no book has: swept once no micro-batch can be at them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from assay.maintenance.slice_files import sweep_slice_files
from assay.settings import load_settings
from builders.stream_slices import Kafka, event, write_slice_file

if TYPE_CHECKING:
    from conftest import Database


def test_only_old_files_that_no_stream_has_recorded_go(
    database: Database, loader: psycopg.Connection[Any], tmp_path: Path
) -> None:
    settings = load_settings({"ASSAY_HOME": str(tmp_path)})
    assert sweep_slice_files(settings, loader, dry_run=False) == "slice files: 0 files removed"
    kafka = Kafka(settings, database)
    kafka.take()
    recorded = Path(kafka.record([event("k1")]).path)
    orphan, fresh = recorded.with_name("1-000000000008.parquet"), recorded.with_name("new.parquet")
    for path in (orphan, fresh):
        write_slice_file(path, [b"{}"], 1)
    long_ago = time.time() - 90_000
    for path in (recorded, orphan):
        os.utime(path, (long_ago, long_ago))
    told = sweep_slice_files(settings, loader, dry_run=True)
    assert (told, orphan.is_file()) == ("slice files: 1 file to remove", True)
    assert sweep_slice_files(settings, loader, dry_run=False) == "slice files: 1 file removed"
    assert (recorded.is_file(), orphan.exists(), fresh.is_file()) == (True, False, True)
