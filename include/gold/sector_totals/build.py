"""Gold: quotes, volume and turnover per sector and exchange."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract


def grain(rows: DataFrame, dataset: str) -> DataFrame:
    """A quote without sector or exchange counts under UNKNOWN: a key has no null."""
    return rows.fillna("UNKNOWN", subset=["sector", "exchange"])


def summarise(contract: Contract, stocks: DataFrame) -> DataFrame:
    """One row per sector and exchange, over all quotes."""
    return stocks.groupBy("sector", "exchange").agg(
        F.count("*").alias("quotes"),
        F.sum("volume").alias("volume"),
        F.sum(F.col("price") * F.col("volume")).alias("turnover"),
    )
