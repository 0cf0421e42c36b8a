"""Gold: views, carts, removals, purchases, revenue and users per hour and product.

Distinct users of two parts of a group do not add, so a touched group is recomputed whole.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract


def grain(events: DataFrame, dataset: str) -> DataFrame:
    """Add the hour in UTC that an event counts for."""
    return events.withColumn("event_hour", F.date_trunc("hour", "event_time"))


def summarise(contract: Contract, events: DataFrame) -> DataFrame:
    """One row per hour and product."""
    paid = F.when(F.col("event_type") == "purchase", F.col("price"))
    return events.groupBy(*contract.keys).agg(
        F.count("*").alias("events"),
        _of_type("view").alias("views"),
        _of_type("add_to_cart").alias("carts"),
        _of_type("remove_from_cart").alias("removals"),
        _of_type("purchase").alias("purchases"),
        F.coalesce(F.sum(paid), F.lit(0)).alias("revenue"),
        F.coalesce(F.sum("price"), F.lit(0)).alias("price_sum"),
        F.count_distinct("user_id").alias("users"),
    )


def _of_type(event_type: str) -> Column:
    return F.count_if(F.col("event_type") == event_type)
