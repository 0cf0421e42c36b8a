"""Gold: what comes back, and why, by article."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract


def grain(returns: DataFrame, dataset: str) -> DataFrame:
    """A return already carries its article and reason."""
    return returns


def summarise(contract: Contract, returns: DataFrame) -> DataFrame:
    """One row per article and reason."""
    return returns.groupBy("sku", "reason").agg(
        F.count("*").alias("returns"),
        F.sum("qty").alias("quantity"),
        F.sum("amount").alias("amount"),
    )
