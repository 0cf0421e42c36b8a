"""Silver trades: what a good trade is, beyond the types and bounds of its contract."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract
from spark_jobs.transformations.conform import conform


def trades(bronze: DataFrame, contract: Contract) -> DataFrame:
    """Judge every bronze record; a trade must change the currency."""
    return conform(
        bronze,
        contract,
        row_rules={"currency_pair.same": F.col("from_currency") != F.col("to_currency")},
    )
