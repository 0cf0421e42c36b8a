"""Reading accepted files: which are read together, and how values are spelt."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.contracts.load import load_contract
from builders.batches import take
from builders.streams import events as events_text
from corpus.json_files import JsonCases
from corpus.parquet_files import ParquetCases, as_parquet
from spark_jobs.lakehouse.accepted_files import FILES_OF_TASK, read_files

RETURNS = load_contract("bronze", "product_returns")
JSON, PARQUET = JsonCases("product_returns"), ParquetCases("product_returns")


def test_json_files_with_fields_of_their_own_are_read_as_one(
    spark: SparkSession, tmp_path: Path
) -> None:
    files = []
    for number in range(40):
        record = JSON.good.record(number)
        if number % 2:
            del record["customer_id"]  # an optional column
        path = tmp_path / f"{number}.jsonl"
        path.write_text(json.dumps({**record, f"promo_{number}": "x"}))
        files.append(take(tmp_path, path, "product_returns"))
    rows = read_files(spark, files, RETURNS, "batch")
    plan = rows._jdf.queryExecution().optimizedPlan().toString()
    assert plan.count("Relation [value") == 1
    unknown = rows.select(F.explode(F.map_keys("unknown_columns"))).collect()
    assert {name for (name,) in unknown} == {f"promo_{number}" for number in range(40)}
    assert rows.where("customer_id IS NULL").count() == 20


def test_no_task_reads_more_files_than_its_heap_has_room_for(
    spark: SparkSession, tmp_path: Path
) -> None:
    events = load_contract("bronze", "ecommerce_events")
    path = tmp_path / "events_2026-01-05_1.csv"
    path.write_text(events_text(0, 2))
    taken = take(tmp_path, path, events.name)
    files = []
    for number in range(4 * FILES_OF_TASK + 1):
        copy = Path(taken.path).with_name(f"{number}.csv")
        copy.hardlink_to(taken.path)
        files.append(replace(taken, slice_id=str(number), path=str(copy)))
    rows = read_files(spark, files, events, "batch")
    assert rows.rdd.getNumPartitions() == 5
    found = rows.groupBy("file_id").count().collect()
    assert len(found) == len(files)
    assert {each["count"] for each in found} == {2}


def test_values_of_parquet_are_spelt_as_they_were_delivered(
    spark: SparkSession, tmp_path: Path
) -> None:
    floats = pa.array([59.97, 1.0, 1.5e7, 1e-05, float("nan"), 1.2345e-15, 1.2345678e-12])
    table = pa.Table.from_pylist(PARQUET.good.records(7))
    at = table.column_names.index("amount")
    table = table.set_column(at, "amount", floats).append_column("bytes", pa.array([b"\xff"] * 7))
    path = tmp_path / "a.parquet"
    path.write_bytes(as_parquet(table))
    rows = read_files(spark, [take(tmp_path, path, "product_returns")], RETURNS, "batch")
    found = rows.orderBy("record_number").select("amount", "unknown_columns").collect()
    plain = ["59.97", "1.0", "15000000", "0.00001", "NaN", "1.2345E-15", "1.2345678E-12"]
    assert [row["amount"] for row in found] == plain
    assert found[0]["unknown_columns"] == {"bytes": "ff"}
