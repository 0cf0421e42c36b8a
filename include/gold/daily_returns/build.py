"""Gold: returns per day and category of their reason."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract


def grain(returns: DataFrame, dataset: str) -> DataFrame:
    """A return already carries its day and category."""
    return returns


def summarise(contract: Contract, returns: DataFrame) -> DataFrame:
    """One row per day and category; the shares of a day follow from these sums."""
    return returns.groupBy("return_date", "reason_category").agg(
        F.count("*").alias("returns"),
        F.sum("qty").alias("quantity"),
        F.sum("amount").alias("amount"),
    )
