"""Gold: the price of every quote times the factor that the contract agrees on."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract


def grain(rows: DataFrame, dataset: str) -> DataFrame:
    """A quote already carries its stock and moment."""
    return rows


def summarise(contract: Contract, stocks: DataFrame) -> DataFrame:
    """One row per quote; a decimal literal of the factor's own scale keeps the product exact."""
    factor = F.expr(f"{contract.parameters['factor']}BD")
    return stocks.withColumn("price_adjusted", F.col("price") * factor)
