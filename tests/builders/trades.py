"""Frames of trades in which a test names only the columns that it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contracts import columns
from assay.contracts.load import load_contract

SILVER = load_contract("silver", "trades")
LINEAGE = {
    "batch_id": "batch_1",
    "file_id": "file_1",
    "source_file": "file_1.csv",
    "record_number": None,
    "ingested_at": "2026-03-01 00:00:00",
}
LINEAGE_TYPES = dict.fromkeys(LINEAGE, "string") | {
    "record_number": "bigint",
    "ingested_at": "timestamp",
}
Row = Mapping[str, Any]


def plain_text(column: columns.Column) -> str:
    """A good value for a column that a test does not mention."""
    if column.allowed:
        return column.allowed[0]
    if column.is_decimal:
        return f"10.{'5' * column.scale}"
    return "2026-01-01T10:00:00" if column.type == "timestamp" else f"some {column.name}"


PLAIN = {column.name: plain_text(column) for column in SILVER.columns}


def bronze(spark: SparkSession, *rows: Row) -> DataFrame:
    """Bronze records, numbered from 1; texts as delivered, None where there was nothing."""
    texts = _texts(spark, rows, {**PLAIN, **LINEAGE, "malformed_record": None})
    return texts.select(*SILVER.column_names, "malformed_record", *_lineage())


def judged(spark: SparkSession, *rows: Row) -> DataFrame:
    """Records as `conform` hands them on; hash and reasons (with blanks between) are the test's."""
    texts = _texts(spark, rows, {**PLAIN, **LINEAGE, "row_hash": "h", "reasons": "", "raw": None})
    reasons = F.filter(F.split("reasons", " "), lambda reason: reason != "")
    delivered = F.struct("trade_id", "to_cost").alias("delivered")
    return texts.select(
        *_business(), *_lineage(), "row_hash", reasons.alias("reasons"), "raw", delivered
    )


def silver(spark: SparkSession, *rows: Row) -> DataFrame:
    """Rows of the silver table."""
    return judged(spark, *rows).drop("reasons", "raw", "delivered")


def trades(spark: SparkSession, *rows: Row) -> DataFrame:
    """Typed trades without lineage, as gold functions take them."""
    return silver(spark, *rows).select(*SILVER.column_names)


def change_set(spark: SparkSession, *rows: Row) -> DataFrame:
    """Classified records; `old_<column>` is what stood there, where it is not the same."""
    filled = [
        {f"old_{name}": row.get(name, PLAIN[name]) for name in PLAIN} | dict(row) for row in rows
    ]
    old = {f"old_{name}": text for name, text in PLAIN.items()}
    texts = _texts(spark, filled, {**PLAIN, **LINEAGE, **old, "row_hash": "h", "class": None})
    replaced = F.when(F.col("class") == "updated", F.struct(*_business("old_")))
    return texts.select(*_business(), *_lineage(), "row_hash", "class", replaced.alias("replaced"))


def _texts(spark: SparkSession, rows: Sequence[Row], plain: Row) -> DataFrame:
    """All columns as text; what a row does not name is plain, its record number its place."""
    for row in rows:
        assert set(row) <= set(plain), f"unknown columns: {set(row) - set(plain)}"
    filled = [{**plain, "record_number": place, **row} for place, row in enumerate(rows, start=1)]
    columns = {
        name: pa.array([None if r[name] is None else str(r[name]) for r in filled], pa.string())
        for name in plain
    }
    return spark.createDataFrame(pa.table(columns))  # Arrow: Spark plans it without a job


def _business(prefix: str = "") -> list[Column]:
    return [F.col(f"{prefix}{c.name}").cast(c.type).alias(c.name) for c in SILVER.columns]


def _lineage() -> list[Column]:
    return [F.col(name).cast(kind).alias(name) for name, kind in LINEAGE_TYPES.items()]
