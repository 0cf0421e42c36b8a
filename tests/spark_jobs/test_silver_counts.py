"""Change sets in numbers: what of it a MERGE may rely on when it leaves files unread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from builders.trades import SILVER, change_set, silver
from spark_jobs.lakehouse import schemas
from spark_jobs.lakehouse.merge import merge_changes
from spark_jobs.lakehouse.tables import append, create_table, read_table
from spark_jobs.stages.silver_counts import Counted, count_change_sets, order_of


def changed(trade_id: str, was: str | None, now: str, **others: Any) -> dict[str, Any]:
    """An update of a trade: when it was updated before, and when this time."""
    times = {"updated_on": now, "old_updated_on": was}
    return {"trade_id": trade_id, "class": "updated", **times, **others}


def added(trade_id: str, now: str) -> dict[str, Any]:
    return {"trade_id": trade_id, "class": "new", "updated_on": now}


def complete(changes: DataFrame) -> DataFrame:
    nothing = F.array().cast("array<string>")
    return changes.withColumns({"reasons": nothing, "settled": F.lit(False)})


def counted(spark: SparkSession, *rows: dict[str, Any]) -> Counted:
    change_sets = {"trades": (complete(change_set(spark, *rows)), SILVER)}
    return count_change_sets(change_sets)["trades"]


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("bigint", "-2", "-1"),
        ("int", "9", "10"),
        ("decimal(18,4)", "9.5000", "10.0000"),
        ("string", "10", "9"),
        ("date", "0999-12-31", "2026-01-01"),
        ("timestamp", "2026-01-01 10:00:00", "2026-01-01 10:00:00.45"),
        ("timestamp", "2026-01-01 10:00:00.45", "2026-01-01 10:00:00.5"),
        ("boolean", "false", "true"),
    ],
)
def test_texts_of_values_are_in_the_order_of_the_values(kind: str, least: str, most: str) -> None:
    assert sorted([most, least], key=order_of(kind)) == [least, most]


def test_bounds_are_those_of_the_rows_that_are_replaced_in_every_file(spark: SparkSession) -> None:
    found = counted(
        spark,
        changed("t3", "2026-01-05T09:00:00.5", "2026-03-01T00:00:00"),
        changed("t1", "2026-01-05T09:00:00.45", "2026-03-02T00:00:00", file_id="file_2"),
        changed("t2", "2026-01-05T09:00:00.48", "2025-01-01T00:00:00"),
        added("t0", "2024-01-01T00:00:00"),
        added("t9", "2027-01-01T00:00:00"),
    )
    assert found.bounds() == {
        "trade_id": ("t1", "t3"),
        "updated_on": ("2026-01-05 09:00:00.45", "2026-01-05 09:00:00.5"),
    }


def test_column_that_is_null_in_one_replaced_row_bounds_nothing(spark: SparkSession) -> None:
    found = counted(
        spark,
        changed("t1", "2026-01-05T09:00:00", "2026-03-01T00:00:00"),
        changed("t2", None, "2026-03-01T00:00:00", file_id="file_2"),
    )
    assert found.bounds() == {"trade_id": ("t1", "t2")}
    assert counted(spark, added("t1", "2026-01-01T00:00:00")).bounds() == {}


def test_change_sets_of_one_query_are_counted_each_by_itself(spark: SparkSession) -> None:
    some = complete(change_set(spark, added("t1", "2026-01-01T00:00:00")))
    more = complete(change_set(spark, changed("t1", "2026-01-01T00:00:00", "2026-01-02T00:00:00")))
    found = count_change_sets({"a": (some, SILVER), "b": (more.unionAll(some), SILVER)})
    by_class = {name: each.classes()["file_1"] for name, each in found.items()}
    assert [by_class["a"][name] for name in ("records", "new", "updated")] == [1, 1, 0]
    assert [by_class["b"][name] for name in ("records", "new", "updated")] == [2, 1, 1]
    assert found["a"].sums()["replaced"] == dict.fromkeys(SILVER.money, "0")
    assert found["b"].sums()["replaced"] == found["b"].sums()["updated"]


def test_merge_reads_only_files_of_the_time_that_the_replaced_rows_are_of(
    spark: SparkSession, tmp_path: Path
) -> None:
    """A row that is replaced lies where it was, which says nothing of when it is updated."""
    path = str(tmp_path / "silver")
    create_table(spark, path, schemas.ddl(SILVER), **schemas.properties(SILVER))
    for n in (1, 2, 3):
        row = {"trade_id": f"t{n}", "updated_on": f"2026-01-0{n}T10:00:00.123456"}
        append(path, silver(spark, row))
    files = DeltaTable(path).get_add_actions(flatten=True)
    for trade_id, file in zip(
        files.column("min.trade_id").to_pylist(), files.column("path").to_pylist(), strict=True
    ):
        if trade_id != "t2":
            Path(path, file).rename(tmp_path / Path(file).name)
    moved = changed("t2", "2026-01-02T10:00:00.123456", "2026-01-03T10:00:00")
    rows = [moved, added("t7", "2026-02-01T00:00:00")]
    bounds = counted(spark, *rows).bounds()
    assert bounds.pop("trade_id") == ("t2", "t2")
    named = [{name: row[name] for name in ("trade_id", "updated_on")} for row in rows]
    changes = silver(spark, *named).withColumn("deleted", F.lit(False))
    merge_changes(spark, path, changes, SILVER, bounds)
    for file in tmp_path.glob("*.parquet"):
        file.rename(Path(path, file.name))
    found = {row["trade_id"]: str(row["updated_on"]) for row in read_table(spark, path).collect()}
    assert found == {
        "t1": "2026-01-01 10:00:00.123456",
        "t2": "2026-01-03 10:00:00",
        "t3": "2026-01-03 10:00:00.123456",
        "t7": "2026-02-01 00:00:00",
    }
    assert read_table(spark, path).count() == len(found)
