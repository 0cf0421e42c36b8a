"""Silver returns: the contract says all that makes a good one."""

from __future__ import annotations

from pyspark.sql import DataFrame

from assay.contracts.model import Contract
from spark_jobs.transformations.conform import conform


def product_returns(bronze: DataFrame, contract: Contract) -> DataFrame:
    """Judge every bronze record; a bad quantity or amount is a reason, never null."""
    return conform(bronze, contract)
