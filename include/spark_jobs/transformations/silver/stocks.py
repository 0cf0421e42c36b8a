"""Silver stocks: a good quote is what its contract says."""

from __future__ import annotations

from pyspark.sql import DataFrame

from assay.contract import Contract
from spark_jobs.transformations.conform import conform


def stocks(bronze: DataFrame, contract: Contract) -> DataFrame:
    """Judge every bronze record."""
    return conform(bronze, contract)
