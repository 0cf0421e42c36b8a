"""The commit: once per attempt, fenced, on the base that was built on, and correcting itself."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from assay.batch.plan import Plan
from assay.batch.results import latest_result
from assay.batch.stage_results import read_silver
from assay.contracts.model import Contract
from assay.errors import BatchError, FencedError, StaleBaseError
from assay.storage.delta_history import base_of, commits
from builders.batches import BUILD, LOAD, Lake
from builders.lake_content import (
    QUARANTINE,
    SILVER,
    TABLES,
    assert_gold_is_of_silver,
    contents,
    table,
    versions,
)
from spark_jobs.lakehouse import tables
from spark_jobs.lakehouse.tables import create_table, read_table
from spark_jobs.stages.commit_targets import measure, measured_by, read_targets
from spark_jobs.transformations.conform import conform
from spark_jobs.transformations.silver import trades as silver_module


def stricter(bronze: DataFrame, contract: Contract) -> DataFrame:
    """A changed rule: trades into CHF are bad now."""
    return conform(bronze, contract, {"to_currency.refused": F.col("to_currency") != "CHF"})


def test_repeating_any_stage_changes_no_content(again: tuple[Lake, Plan]) -> None:
    lake, plan = again
    before, stood = contents(lake), versions(lake)
    bronze = table(lake, "bronze/trades").drop("ingested_at", "unknown_columns")
    hashed = bronze.select(F.xxhash64(*bronze.columns).alias("hash"))
    kept = Counter(row["hash"] for row in hashed.collect())
    lake.run(plan, "commit")
    assert versions(lake) == stood
    lake.run(plan, "ingest_bronze")
    assert Counter(row["hash"] for row in hashed.collect()) == kept
    digest = latest_result(plan.folder, "build_silver")["datasets"]["trades"]["digest"]
    lake.run(plan, *BUILD)
    assert lake.results["build_silver"]["datasets"]["trades"]["digest"] == digest
    assert versions(lake) == stood
    assert contents(lake) == before


def test_lower_epoch_after_a_higher_one_is_fenced_and_changes_nothing(
    again: tuple[Lake, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, plan = again
    before, stood = contents(lake), versions(lake)
    with pytest.raises(FencedError, match="epoch 1 wrote nothing"):
        lake.run(plan, "ingest_bronze", epoch=1)
    assert table(lake, "bronze/trades").count() == sum(file.records for file in plan.slices)
    monkeypatch.setattr(silver_module, "trades", stricter)
    lake.run(plan, "build_silver", "build_gold")
    with pytest.raises(FencedError, match="epoch 1 wrote nothing"):
        lake.run(plan, "commit", epoch=1)
    assert versions(lake) == stood
    assert contents(lake) == before


@pytest.mark.long
def test_changed_rule_on_the_newest_batch_is_applied_and_its_former_commit_taken_back(
    grown: tuple[Lake, Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, plan = grown
    lake = live.copy(tmp_path)
    plan = replace(plan, lake=f"{tmp_path}/lake", bronze_lake=f"{tmp_path}/lake")
    folder = str(tmp_path / "batch")
    shutil.copytree(plan.folder, folder)
    plan = replace(plan, folder=folder)
    before = silver_rows(lake, version=plan_base(lake))
    stood = versions(lake)
    monkeypatch.setattr(silver_module, "trades", stricter)
    lake.run(plan, *BUILD)
    reasons = lake.results["build_silver"]["datasets"]["trades"]["reasons"]
    assert reasons["to_currency.refused"] > 0
    assert all(versions(lake)[name] > stood[name] for name in (*TABLES, QUARANTINE))
    now = silver_rows(lake)
    changed = {key: row for key, row in now.items() if row != before.get(key)}
    assert changed
    assert {row["batch_id"] for row in changed.values()} == {"b2"}
    assert "CHF" not in {row["to_currency"] for row in changed.values()}
    assert "CHF" in {row["to_currency"] for row in now.values()}
    assert set(before) <= set(now)
    assert_gold_is_of_silver(lake)


def plan_base(lake: Lake) -> int:
    """The version of silver that the newest batch was built on."""
    return base_of(f"{lake.home}/lake/{TABLES[0]}", "b2").version


def silver_rows(lake: Lake, version: int | None = None) -> dict[tuple[str, ...], Row]:
    rows = read_table(lake.spark, f"{lake.home}/lake/{TABLES[0]}", version).collect()
    return {tuple(row[key] for key in SILVER.keys): row for row in rows}


@pytest.mark.long
def test_new_rows_alone_are_appended_once_and_another_batch_has_to_be_built_on_them(
    loaded: tuple[Lake, Plan], later: list[Path], tmp_path: Path
) -> None:
    live, plan = loaded
    lake = live.copy(tmp_path)
    before = silver_rows(lake)
    slow, fast = lake.plan("slow", later), lake.plan("fast", later)
    lake.run(slow, "ingest_bronze", "build_silver", "build_gold")
    lake.run(fast, *LOAD)
    (newest,) = DeltaTable(f"{lake.home}/lake/{TABLES[0]}").history(1)
    assert (newest["operation"], newest["operationParameters"]["mode"]) == ("WRITE", "Append")
    (file,) = lake.results["build_silver"]["datasets"]["trades"]["classes"].values()
    assert len(silver_rows(lake)) == len(before) + file["new"] > len(before)
    stood = versions(lake)
    lake.run(fast, "commit")
    assert versions(lake) == stood
    with pytest.raises(
        StaleBaseError, match=r"silver\.trades moved .*batch fast.* clear build_silver"
    ):
        lake.run(slow, "commit")
    assert versions(lake) == stood
    overtaken = replace(plan, lake=f"{tmp_path}/lake")
    with pytest.raises(BatchError, match="later batches are built on it"):
        lake.run(overtaken, "build_silver")


def test_folder_that_holds_files_and_no_table_is_neither_taken_for_one_nor_touched(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "part-0.parquet").write_bytes(b"of somebody")
    with pytest.raises(BatchError, match="holds files, and no version of a Delta table"):
        create_table(spark, str(tmp_path), "a int", **{"delta.appendOnly": "false"})
    assert (tmp_path / "part-0.parquet").read_bytes() == b"of somebody"


def test_table_that_another_attempt_made_after_the_look_is_not_cleared_away(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spark.range(3).write.format("delta").save(str(tmp_path))
    monkeypatch.setattr(tables, "sizes_below", lambda _: {})
    tables._clear_unfinished(str(tmp_path))
    assert DeltaTable(str(tmp_path)).count() == 3


def test_commits_say_who_made_them(loaded: tuple[Lake, Plan]) -> None:
    lake, plan = loaded
    (newest, _) = commits(f"{lake.home}/lake/silver/trades")
    assert (newest.batch_id, newest.epoch) == (plan.batch_id, lake.epoch)
    assert newest.digest == lake.results["build_silver"]["datasets"]["trades"]["digest"]


def test_totals_before_a_commit_are_those_that_another_measured_of_just_this_content(
    grown: tuple[Lake, Plan],
) -> None:
    lake, plan = grown
    first = latest_result(str(Path(plan.folder).with_name("b1")), "commit")
    known = first["totals"]["silver.trades"]["after"]
    assert lake.results["commit"]["totals"]["silver.trades"]["before"] == known

    silver = read_silver(plan.folder).datasets
    (target,) = read_targets(lake.spark, plan, silver, {})
    base = base_of(target.path, plan.batch_id)
    assert measured_by(plan, target, base) == known
    measured = measure(lake.spark, [target], lake.results["commit"]["versions"], {})
    assert measured["silver.trades"]["before"] == known

    others = {"digest": "of other rows", "version": base.version + 1, "batch_id": "cleared away"}
    for name, other in others.items():
        assert measured_by(plan, target, replace(base, **{name: other})) is None, name
    columns = tuple(replace(c, money=c.is_decimal) for c in target.contract.columns)
    more = replace(target, contract=replace(target.contract, columns=columns))
    assert measured_by(plan, more, base) is None
