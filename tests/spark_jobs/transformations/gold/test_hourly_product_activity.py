"""Gold: what happened to a product in an hour."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.testing import assertDataFrameEqual

from builders.gold import summary_of
from builders.typed_rows import silver_rows

PLAIN = {"event_time": "2026-01-02T10:15:00", "event_type": "view", "product_id": 1, "user_id": 7}


def activity(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    events = silver_rows(spark, "ecommerce_events", *(PLAIN | row for row in rows))
    return summary_of("hourly_product_activity", events)


def test_counts_revenue_and_distinct_users_of_a_group(spark: SparkSession) -> None:
    found = activity(
        spark,
        {"price": "0.10"},
        {"user_id": 8},
        {"event_type": "add_to_cart", "price": "0.20"},
        {"event_type": "remove_from_cart", "price": "0.40", "user_id": 8},
        {"event_type": "purchase", "price": "1.60"},
        {"event_type": "purchase", "price": "3.20"},
    )
    expected = Row(
        event_hour=datetime(2026, 1, 2, 10),  # Spark hands out session time, UTC
        product_id=1,
        events=6,
        views=2,
        carts=1,
        removals=1,
        purchases=2,
        revenue=Decimal("4.80"),
        price_sum=Decimal("5.50"),
        users=2,
    )
    assertDataFrameEqual(found, [expected])


def test_one_group_for_each_hour_in_utc_and_product(spark: SparkSession) -> None:
    found = activity(
        spark,
        {"event_time": "2026-01-02T10:00:00"},
        {"event_time": "2026-01-02T10:59:59.999999"},
        {"event_time": "2026-01-02T16:29:00+05:30"},
        {"event_time": "2026-01-02T16:30:00+05:30"},
        {"product_id": 2},
    )
    groups = found.selectExpr("hour(event_hour) AS hour", "product_id", "events")
    group = Row("hour", "product_id", "events")
    assertDataFrameEqual(groups, [group(10, 1, 3), group(11, 1, 1), group(10, 2, 1)])
