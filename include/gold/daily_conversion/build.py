"""Gold: sessions per day, and those of them with a purchase.

Distinct sessions of two parts of a day do not add, so a touched day is recomputed whole.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from assay.contracts.model import Contract


def grain(events: DataFrame, dataset: str) -> DataFrame:
    """Add the day in UTC that an event counts for."""
    return events.withColumn("event_day", F.to_date("event_time"))


def summarise(contract: Contract, events: DataFrame) -> DataFrame:
    """One row per day; an event without a session_id is in no session."""
    is_purchase = F.col("event_type") == "purchase"
    return events.groupBy(*contract.keys).agg(
        F.count("*").alias("events"),
        F.count_if(F.col("session_id").isNull()).alias("events_without_session"),
        F.count_distinct("session_id").alias("sessions"),
        F.count_distinct(F.when(is_purchase, F.col("session_id"))).alias("sessions_with_purchase"),
        F.count_if(is_purchase).alias("purchases"),
        F.coalesce(F.sum(F.when(is_purchase, F.col("price"))), F.lit(0)).alias("revenue"),
    )
