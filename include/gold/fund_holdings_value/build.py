"""Gold: what each fund's holding is worth at the latest quotes of its company's stocks."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract

QUOTE = ("symbol", "price", "volume", "stock_timestamp", "exchange", "sector")


def grain(rows: DataFrame, dataset: str) -> DataFrame:
    """Quotes and funds both name their company."""
    return rows


def summarise(contract: Contract, stocks: DataFrame, mutual_funds: DataFrame) -> DataFrame:
    """One row per fund and stock of its company: many to many, by intent.

    The latest quote is sought within the company, so a group needs no row of another company.
    """
    latest = stocks.groupBy("company_id", "stock_id").agg(
        F.max_by(F.struct(*QUOTE), "stock_timestamp").alias("quote")
    )
    quotes = latest.select("company_id", "stock_id", "quote.*")
    return mutual_funds.join(quotes, on="company_id").withColumn(
        "total_value", F.col("price") * F.col("holdings")
    )
