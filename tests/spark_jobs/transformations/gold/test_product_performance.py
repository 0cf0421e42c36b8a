"""Gold: sales and returns of a product on a day, whichever of the two there are."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql import Row, SparkSession
from pyspark.testing import assertDataFrameEqual

from assay.contracts.load import load_contract
from builders.gold import summary_of
from builders.typed_rows import silver_rows

GOLD = load_contract("gold", "product_performance")
Group = Row(*GOLD.column_names)


def event(product: int, kind: str, price: str | None, day: str = "2026-01-02") -> dict[str, Any]:
    time = f"{day}T10:00:00"
    return {"product_id": product, "event_type": kind, "price": price, "event_time": time}


def back(sku: str, amount: str, day: str = "2026-01-02") -> dict[str, Any]:
    return {"sku": sku, "amount": amount, "return_date": day}


def test_events_and_returns_of_a_day_meet_and_none_is_lost(spark: SparkSession) -> None:
    events = silver_rows(
        spark,
        "ecommerce_events",
        event(1, "view", None),
        event(1, "purchase", "1.10"),
        event(1, "purchase", "2.20"),
        event(1, "add_to_cart", "4.40", day="2026-01-03"),
        event(2, "view", "8.80"),
    )
    returns = silver_rows(
        spark,
        "product_returns",
        back("1", "1.10"),
        back("1", "0.20"),
        back("2", "5.00", day="2026-01-09"),
        back("SKU-9", "7.00"),
    )
    found = summary_of("product_performance", events, returns)
    second, nothing = date(2026, 1, 2), Decimal("0.00")
    expected = [
        Group("1", second, 3, 1, 2, Decimal("3.30"), 2, Decimal("1.30")),
        Group("1", date(2026, 1, 3), 1, 0, 0, nothing, 0, nothing),
        Group("2", second, 1, 1, 0, nothing, 0, nothing),
        Group("2", date(2026, 1, 9), 0, 0, 0, nothing, 1, Decimal("5.00")),
        Group("SKU-9", second, 0, 0, 0, nothing, 1, Decimal("7.00")),
    ]
    assertDataFrameEqual(found.select(*GOLD.column_names), expected)
