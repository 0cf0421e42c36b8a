"""Gold: what was viewed, sold and returned of each product on each day."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract

PRODUCT = {"ecommerce_events": "product_id", "product_returns": "sku"}
DAY = {"ecommerce_events": "event_time", "product_returns": "return_date"}


def grain(rows: DataFrame, dataset: str) -> DataFrame:
    """Add product and day; the product as text, for a sku need not be a number."""
    product = F.col(PRODUCT[dataset]).cast("string")
    return rows.withColumns({"product_id": product, "day": F.to_date(DAY[dataset])})


def summarise(contract: Contract, events: DataFrame, returns: DataFrame) -> DataFrame:
    """One row per product and day on which there was an event or a return."""
    is_purchase = F.col("event_type") == "purchase"
    activity = events.groupBy(*contract.keys).agg(
        F.count("*").alias("events"),
        F.count_if(F.col("event_type") == "view").alias("views"),
        F.count_if(is_purchase).alias("purchases"),
        F.sum(F.when(is_purchase, F.col("price"))).alias("revenue"),
    )
    returned = returns.groupBy(*contract.keys).agg(
        F.count("*").alias("returns"), F.sum("amount").alias("returned_amount")
    )
    measures = [name for name in contract.column_names if name not in contract.keys]
    return activity.join(returned, on=list(contract.keys), how="full_outer").fillna(0, measures)
