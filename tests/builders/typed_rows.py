"""Silver rows of any dataset for tests of gold: a test names the columns that it is about."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contract import load_contract


def silver_rows(spark: SparkSession, dataset: str, *rows: dict[str, Any]) -> DataFrame:
    """Rows in the types of the silver contract, what is not named is null."""
    columns = load_contract("silver", dataset).columns
    named = {name for row in rows for name in row}
    unknown = named - {column.name for column in columns}
    assert not unknown, f"no column of {dataset}: {unknown}"
    texts = {
        c.name: pa.array([str(row[c.name]) if c.name in row else None for row in rows], pa.string())
        for c in columns
    }
    frame = spark.createDataFrame(pa.table(texts))  # Arrow: Spark plans it without a job
    return frame.select(*(F.col(c.name).cast(c.type).alias(c.name) for c in columns))
