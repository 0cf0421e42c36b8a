"""Rows of live are those that build_silver's own functions make of the same file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from assay.contracts.load import load_contract
from assay.settings import CONTRACTS
from builders.batches import take
from spark_jobs.lakehouse.accepted_files import read_files
from spark_jobs.stages.live_rows import LiveRows
from spark_jobs.stages.registry import silver_function

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DATASETS = CONTRACTS / "datasets"
SAMPLES = {
    name: sorted(path for path in (DATASETS / name / "samples").iterdir())
    for name in ("ecommerce_events", "mutual_funds", "product_returns", "stocks", "trades")
}


def by_silver(spark: SparkSession, files: list, dataset: str) -> pa.Table:
    """What build_silver judges, before it compares it with silver."""
    bronze, silver = (load_contract(layer, dataset) for layer in ("bronze", "silver"))
    judged = silver_function(dataset)(read_files(spark, files, bronze, "b1"), silver)
    names = [column.name for column in silver.columns]
    return judged.selectExpr(
        *names, "file_id AS slice_id", "record_number", "reasons", "raw"
    ).toArrow()


def in_order(rows: pa.Table) -> list[dict[str, object]]:
    return sorted(rows.to_pylist(), key=lambda row: (row["slice_id"], row["record_number"]))


@pytest.mark.parametrize(
    "dataset",
    [name if name == "stocks" else pytest.param(name, marks=pytest.mark.long) for name in SAMPLES],
)
def test_rows_of_live_are_those_of_silver(
    spark: SparkSession, tmp_path: Path, dataset: str
) -> None:
    """Of all files at once, and of each again, by the columns that were kept."""
    files = [take(tmp_path, path, dataset) for path in SAMPLES[dataset]]
    live = LiveRows(dataset)
    wanted = in_order(by_silver(spark, files, dataset))
    assert in_order(live.judge(spark, files)) == wanted
    kept = dict(live.recorded)
    again = [row for file in files for row in in_order(live.judge(spark, [file]))]
    assert sorted(map(str, again)) == sorted(map(str, wanted))
    assert live.recorded == kept, "no column was made twice"
    assert any(row["reasons"] for row in wanted) or dataset != "ecommerce_events"


def test_no_slice_is_no_row(spark: SparkSession) -> None:
    rows = LiveRows("trades").judge(spark, [])
    assert rows.num_rows == 0
    assert {"trade_id", "slice_id", "reasons", "raw"} <= {*rows.column_names}
