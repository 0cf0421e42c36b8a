"""Silver ecommerce_events: the contract says all; prices are judged by the type of the event."""

from __future__ import annotations

from pyspark.sql import DataFrame

from assay.contracts.model import Contract
from spark_jobs.transformations.conform import conform


def ecommerce_events(bronze: DataFrame, contract: Contract) -> DataFrame:
    """Judge every bronze record, of either shape of the feed."""
    return conform(bronze, contract)
