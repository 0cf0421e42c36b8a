"""A disk that is full in the middle of a commit; its retry commits each table once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from assay.settings import load_settings
from builders.attempts import Attempts
from builders.deliveries import deliver, make_set
from builders.small_disk import SmallDisk, small_disk

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import Database

LEFT = (0, 16, 64)  # KiB that are free when the commit begins


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "lake", 64) as mounted:
        yield mounted


@pytest.mark.long
def test_commit_on_a_full_disk_is_completed_by_its_retry(
    spark: SparkSession,
    database: Database,
    tmp_path: Path,
    disk: SmallDisk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    attempts = Attempts(load_settings(), database.uri(), spark)
    made = make_set(tmp_path / "made", files=2, rows=60, defects=0.1, updates=0.2, seed=5)
    files = sorted(made.options.out.iterdir())
    for number, file in enumerate(files):
        deliver(attempts.settings.landing / "trades", [file])
        plan = attempts.accept(f"b{number}")
        attempts.run(plan, "ingest_bronze", "build_silver", "build_gold")
        failed = []
        for left in LEFT:
            disk.fill(left << 10)
            try:
                attempts.run(plan, "commit")
            except (Py4JJavaError, PySparkException) as error:
                failed.append(str(error))
            disk.free()
        assert failed
        assert all("No space left on device" in error for error in failed), failed
        attempts.run(plan, "commit")
        attempts.publish()
        assert attempts.violations() == []
