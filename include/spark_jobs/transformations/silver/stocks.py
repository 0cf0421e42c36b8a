"""Silver stocks: what a good quote is, beyond the types and bounds of its contract."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract
from spark_jobs.transformations.conform import conform

# The turnover of 10^9 quotes fits the decimal(28,4) of gold.sector_totals.
TURNOVER_BELOW = 10**15


def stocks(bronze: DataFrame, contract: Contract) -> DataFrame:
    """Judge every bronze record; price x volume must be a sum of money that there is."""
    turnover = F.col("price") * F.col("volume")
    return conform(bronze, contract, row_rules={"turnover.out_of_range": turnover < TURNOVER_BELOW})
