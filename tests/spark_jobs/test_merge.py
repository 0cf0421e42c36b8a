"""One MERGE by key: what it changes, and what it leaves unread."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from assay.contracts.load import load_contract
from spark_jobs.lakehouse import schemas
from spark_jobs.lakehouse.merge import merge_changes
from spark_jobs.lakehouse.tables import append, create_table

GOLD = load_contract("gold", "customer_exposure")
KINDS = ("Updated", "Inserted", "Deleted")
BOUNDS = {"customer_id": ("it's", "n"), "to_currency": ("CHF", "INR")}


def groups(spark: SparkSession, **trades: int | None) -> DataFrame:
    """Changes of one customer each: the number of their trades, or None for a group that goes."""
    rows = [
        (
            name.replace("_", "'"),
            "INR",
            count or 0,
            Decimal("1.00"),
            date(2026, 1, 1),
            count is None,
        )
        for name, count in trades.items()
    ]
    return spark.createDataFrame(rows, f"{schemas.ddl(GOLD)}, deleted boolean")


def table_of(spark: SparkSession, path: str, *customers: str) -> dict[str, Path]:
    """A table with one file for each customer; returns the files."""
    create_table(spark, path, schemas.ddl(GOLD), **schemas.properties(GOLD))
    for name in customers:
        append(path, groups(spark, **{name: 1}).drop("deleted"))
    added = DeltaTable(path).get_add_actions(flatten=True)
    names = added.column("min.customer_id").to_pylist()
    return dict(zip(names, (Path(path, f) for f in added.column("path").to_pylist()), strict=True))


def test_merge_updates_inserts_and_deletes_and_reads_only_files_that_may_hold_its_keys(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = str(tmp_path / "gold")
    files = table_of(spark, path, "a", "it_s", "m", "z")
    assert {*files} == {"a", "it's", "m", "z"}
    for unread in ("a", "z"):
        files[unread].unlink()
    views = spark.sql("SHOW TABLES").collect()
    changes = groups(spark, it_s=None, m=2, n=3)
    merge_changes(spark, path, changes, GOLD, BOUNDS)
    (newest,) = DeltaTable(path).history(1)
    told = {name: int(newest["operationMetrics"][f"numTargetRows{name}"]) for name in KINDS}
    assert told == {"Updated": 1, "Inserted": 1, "Deleted": 1}
    assert spark.sql("SHOW TABLES").collect() == views
    with pytest.raises(Exception, match=r"FILE_NOT_EXIST|does not exist"):
        merge_changes(spark, path, groups(spark, m=4), GOLD, {})
