"""Times and days of delivered Parquet arrive as written, at both ends of the calendar."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.contracts.load import load_contract
from builders.batches import take
from corpus.good_records import GoodRecords
from spark_jobs.lakehouse.accepted_files import read_files
from spark_jobs.lakehouse.session import session
from spark_jobs.stages.registry import silver_function

RETURNS = "product_returns"
# Before Gregor's calendar, in the days that it left out, and where clocks were put right.
MOMENTS = [
    datetime(1, 1, 1),
    datetime(1582, 10, 4, 12),
    datetime(1582, 10, 10),
    datetime(1899, 12, 31, 23, 59, 59, 999999),
    datetime(1900, 1, 1),
    datetime(2262, 4, 12),
    datetime(9999, 12, 31, 23, 59, 59, 999999),
]


def test_settings_of_times_are_asserted(spark: SparkSession) -> None:
    name = "spark.sql.parquet.outputTimestampType"
    kept = spark.conf.get(name)
    try:
        spark.conf.set(name, "INT96")
        with pytest.raises(RuntimeError, match=f"{name} is 'INT96'"), session("a test"):
            pass
    finally:
        spark.conf.set(name, str(kept))


@pytest.mark.parametrize("int96", [False, True])
def test_times_and_days_are_those_of_the_file(
    spark: SparkSession, tmp_path: Path, int96: bool
) -> None:
    records = GoodRecords(RETURNS).records(len(MOMENTS))
    times: dict[str, pa.Array] = {
        "ingest_ts": pa.array(MOMENTS, pa.timestamp("us")),
        "return_date": pa.array([date(m.year, m.month, m.day) for m in MOMENTS], pa.date32()),
    }
    table = pa.Table.from_pylist(records)
    for name, column in times.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    path = tmp_path / "returns.parquet"
    pq.write_table(table, path, use_deprecated_int96_timestamps=int96)
    bronze = read_files(
        spark, [take(tmp_path, path, RETURNS)], load_contract("bronze", RETURNS), "batch"
    )
    silver = silver_function(RETURNS)(bronze, load_contract("silver", RETURNS))
    assert silver.where(F.size("reasons") > 0).count() == 0
    written = str(tmp_path / "silver")
    silver.write.parquet(written)
    found = pq.read_table(written).sort_by("record_number")
    assert found.schema.field("ingest_ts").type == pa.timestamp("us", "UTC")
    assert [m.replace(tzinfo=None) for m in found.column("ingest_ts").to_pylist()] == MOMENTS
    assert found.column("return_date").to_pylist() == [m.date() for m in MOMENTS]
