"""Rows of any dataset for tests of silver and gold: a test names the columns that it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contracts.load import load_contract


def silver_rows(spark: SparkSession, dataset: str, *rows: dict[str, Any]) -> DataFrame:
    """Rows in the types of the silver contract, what is not named is null."""
    columns = load_contract("silver", dataset).columns
    named = {name for row in rows for name in row}
    unknown = named - {column.name for column in columns}
    assert not unknown, f"no column of {dataset}: {unknown}"
    texts = {c.name: pa.array([_text(row.get(c.name)) for row in rows], "string") for c in columns}
    frame = spark.createDataFrame(pa.table(texts))  # Arrow: Spark plans it without a job
    return frame.select(*(F.col(c.name).cast(c.type).alias(c.name) for c in columns))


def bronze_rows(spark: SparkSession, dataset: str, *rows: dict[str, Any]) -> DataFrame:
    """Bronze records, numbered from 1: texts as delivered, what is not named is null."""
    names = [*load_contract("bronze", dataset).column_names, "malformed_record"]
    unknown = {name for row in rows for name in row} - {*names}
    assert not unknown, f"no bronze column of {dataset}: {unknown}"
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    lineage = {
        name: pa.array([value] * len(rows))
        for name, value in {
            "batch_id": "batch_1",
            "file_id": "file_1",
            "source_file": "file_1",
            "ingested_at": datetime(2026, 3, 1, tzinfo=UTC),
        }.items()
    }
    lineage["record_number"] = pa.array(range(1, len(rows) + 1), pa.int64())
    return spark.createDataFrame(pa.table(columns | lineage))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
