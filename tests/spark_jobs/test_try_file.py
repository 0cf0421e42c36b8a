"""What would become of a file is told by the stages' own rules, and nothing is written."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from assay.batch.plan import Plan
from assay.operations.try_file import Request
from builders.batches import Lake, take
from spark_jobs.programs.try_file import try_file


def test_records_are_told_by_class_against_silver_as_it_stands(
    spark: SparkSession, loaded: tuple[Lake, Plan], later: list[Path], tmp_path: Path
) -> None:
    _, plan = loaded
    silver = plan.table("silver", "trades")
    before = sorted(path.name for path in Path(silver).rglob("*"))
    again = take(tmp_path, Path(plan.slices[0].path))
    seen = try_file(spark, Request(again, silver), str(tmp_path / "again"))
    assert seen.classes["new"] == seen.classes["updated"] == 0
    assert sum(seen.classes.values()) == plan.slices[0].records
    assert seen.classes["quarantined"] == 0 or seen.reasons
    fresh = try_file(spark, Request(take(tmp_path, later[0]), silver), str(tmp_path / "later"))
    assert fresh.classes["new"] > 0
    assert sorted(path.name for path in Path(silver).rglob("*")) == before


def test_a_dataset_without_a_table_takes_every_good_record_for_new(
    spark: SparkSession, later: list[Path], tmp_path: Path
) -> None:
    file = take(tmp_path, later[0])
    silver = str(tmp_path / "silver" / "trades")
    found = try_file(spark, Request(file, silver), str(tmp_path / "rows"))
    assert found.classes["updated"] == 0
    assert sum(found.classes.values()) == file.records
    assert not (tmp_path / "silver").exists()
