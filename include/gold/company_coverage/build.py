"""Gold: what either feed knows of each company, so that what has no counterpart is seen."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract


def grain(rows: DataFrame, dataset: str) -> DataFrame:
    """Quotes and funds both name their company."""
    return rows


def summarise(contract: Contract, stocks: DataFrame, mutual_funds: DataFrame) -> DataFrame:
    """One row per company that a quote or a fund names; zero stands for what it has not."""
    quoted = stocks.groupBy("company_id").agg(
        F.count_distinct("stock_id").alias("stocks"), F.count("*").alias("quotes")
    )
    held = mutual_funds.groupBy("company_id").agg(
        F.count("*").alias("funds"), F.sum("holdings").alias("holdings")
    )
    return quoted.join(held, on="company_id", how="full_outer").fillna(0)
