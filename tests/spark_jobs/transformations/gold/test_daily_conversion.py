"""Gold: the sessions of a day, and what was bought in them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.testing import assertDataFrameEqual

from assay.contracts.load import load_contract
from builders.gold import summary_of
from builders.typed_rows import silver_rows

PLAIN = {"event_time": "2026-01-02T10:15:00", "event_type": "view", "session_id": "a"}
GOLD = load_contract("gold", "daily_conversion")
Day = Row(*GOLD.column_names)


def conversion(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    events = silver_rows(spark, "ecommerce_events", *(PLAIN | row for row in rows))
    return summary_of("daily_conversion", events).select(*GOLD.column_names)


def test_session_counts_once_on_each_of_its_days(spark: SparkSession) -> None:
    found = conversion(
        spark,
        {},
        {"event_type": "purchase", "price": "1.10"},
        {"event_type": "purchase", "price": "2.20"},
        {"session_id": "b", "price": "4.40"},
        {"session_id": "b", "event_time": "2026-01-03T00:00:00"},
        {"session_id": "c", "event_time": "2026-01-03T01:00:00+02:00"},
    )
    expected = [
        Day(date(2026, 1, 2), 5, 0, 3, 1, 2, Decimal("3.30")),
        Day(date(2026, 1, 3), 1, 0, 1, 0, 0, Decimal("0.00")),
    ]
    assertDataFrameEqual(found, expected)


def test_event_without_session_counts_for_all_but_sessions(spark: SparkSession) -> None:
    found = conversion(
        spark,
        {"session_id": None},
        {"session_id": None, "event_type": "purchase", "price": "8.00"},
        {"session_id": "a", "event_type": "purchase", "price": "1.00"},
    )
    assertDataFrameEqual(found, [Day(date(2026, 1, 2), 3, 2, 1, 1, 2, Decimal("9.00"))])
