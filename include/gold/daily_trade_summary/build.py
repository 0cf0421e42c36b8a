"""Gold: trades, cost, pips and status mix per day and currency pair."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract


def grain(trades: DataFrame, dataset: str) -> DataFrame:
    """Add the day in UTC that a trade counts for."""
    return trades.withColumn("trade_day", F.to_date("transaction_date"))


def summarise(contract: Contract, trades: DataFrame) -> DataFrame:
    """One row per day and currency pair; sums and counts only, for averages do not add."""
    return trades.groupBy("trade_day", "from_currency", "to_currency").agg(
        F.count("*").alias("trades"),
        _with_status("COMPLETED").alias("completed"),
        _with_status("FAILED").alias("failed"),
        _with_status("PENDING").alias("pending"),
        F.sum("from_cost").alias("from_cost"),
        F.sum("to_cost").alias("to_cost"),
        F.coalesce(F.sum("from_pip"), F.lit(0)).cast("decimal(19,4)").alias("from_pip_sum"),
        F.count("from_pip").alias("from_pip_count"),
        F.coalesce(F.sum("to_pip"), F.lit(0)).cast("decimal(19,4)").alias("to_pip_sum"),
        F.count("to_pip").alias("to_pip_count"),
    )


def _with_status(status: str) -> Column:
    return F.count_if(F.col("transaction_status") == status)
