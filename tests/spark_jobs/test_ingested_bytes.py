"""What Spark has read is what was counted: of files that grow, and of files that were rejected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assay.batch.inputs import Slices
from assay.errors import BatchError
from assay.intake.rest import require_unchanged
from assay.settings import CONTRACTS
from builders.batches import LOAD, Lake, take
from builders.lake_content import table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DATASETS = CONTRACTS / "datasets"


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(path.read_bytes().splitlines(keepends=True)[-1])


def alter(path: Path) -> None:
    """As many bytes as before, and other ones."""
    content = path.read_bytes()
    path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])


@pytest.mark.parametrize("change", [grow, alter])
def test_file_that_changes_after_it_was_counted_stops_its_batch(
    spark: SparkSession, tmp_path: Path, files: list[Path], change: Callable[[Path], None]
) -> None:
    """Case 24, where the kernel tells of no writer and the sender rests for too long."""
    lake = Lake(spark, tmp_path)
    plan = lake.plan("b1", files[:1])
    change(Path(plan.slices[0].path))
    with pytest.raises(BatchError, match=r"was written to after .*assay batch abandon b1"):
        lake.run(plan, "ingest_bronze")


def test_file_that_grows_after_it_was_read_is_noticed_before_the_commit(
    tmp_path: Path, files: list[Path]
) -> None:
    file = take(tmp_path, files[0])
    require_unchanged([file], "b1", every_byte=False)
    grow(Path(file.path))
    with pytest.raises(BatchError, match="run `assay batch abandon b1"):
        require_unchanged([file], "b1", every_byte=False)
    Path(file.path).unlink()  # archived by now, and lent to no one
    require_unchanged([file], "b1", every_byte=False)


def test_batch_goes_on_without_the_only_file_of_a_dataset(
    spark: SparkSession, tmp_path: Path
) -> None:
    """F14: nor does what was ingested of it stay in bronze, where a rebuild would find it."""
    lake = Lake(spark, tmp_path)
    both = ["stocks", "mutual_funds"]
    files = [take(tmp_path, DATASETS / d / "samples" / f"{d}_2026-01-01.jsonl", d) for d in both]
    plan = lake.plan("b1", pipeline="finance", datasets=both, active=both, input=Slices(files))
    lake.run(plan, "ingest_bronze")
    assert table(lake, "bronze/stocks").count() == files[0].records
    rest = replace(plan, input=Slices(files[1:]), active=["mutual_funds"])
    assert [name for name in LOAD if rest.needs(name)] == [*LOAD]
    lake.run(rest, *LOAD)
    assert table(lake, "bronze/stocks").count() == 0
    assert table(lake, "silver/mutual_funds").count() > 0
    assert lake.results["ingest_bronze"]["datasets"].keys() == {"mutual_funds"}
