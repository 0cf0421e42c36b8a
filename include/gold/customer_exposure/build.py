"""Gold: what each customer has bought, by currency."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract


def grain(trades: DataFrame, dataset: str) -> DataFrame:
    """A trade already carries its customer and currency."""
    return trades


def summarise(contract: Contract, trades: DataFrame) -> DataFrame:
    """One row per customer and currency bought."""
    return trades.groupBy("customer_id", "to_currency").agg(
        F.count("*").alias("trades"),
        F.sum("to_cost").alias("to_cost"),
        F.to_date(F.max("transaction_date")).alias("last_trade_day"),
    )
