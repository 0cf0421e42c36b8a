"""Silver mutual funds: a good holding is what its contract says."""

from __future__ import annotations

from pyspark.sql import DataFrame

from assay.contracts.model import Contract
from spark_jobs.transformations.conform import conform


def mutual_funds(bronze: DataFrame, contract: Contract) -> DataFrame:
    """Judge every bronze record."""
    return conform(bronze, contract)
