"""Gold: the summary of a day and currency pair."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql import Row, SparkSession
from pyspark.testing import assertDataFrameEqual

from builders.gold import summary_of
from builders.trades import trades


def day(**others: Any) -> Row:
    """One expected group of a single plain trade."""
    facts = {
        "trade_day": date(2026, 1, 1),
        "from_currency": "USD",
        "to_currency": "INR",
        "trades": 1,
        "completed": 1,
        "failed": 0,
        "pending": 0,
        "from_cost": Decimal("10.55"),
        "to_cost": Decimal("10.55"),
        "from_pip_sum": Decimal("10.5555"),
        "from_pip_count": 1,
        "to_pip_sum": Decimal("10.5555"),
        "to_pip_count": 1,
    }
    return Row(**{**facts, **others})


def test_sums_counts_and_status_mix_of_a_group(spark: SparkSession) -> None:
    frame = trades(
        spark,
        {"from_cost": "0.10", "to_cost": "1", "from_pip": "1.0001", "to_pip": None},
        {"from_cost": "0.20", "to_cost": "2", "from_pip": "2", "transaction_status": "FAILED"},
        {"from_cost": "0.30", "to_cost": "3", "from_pip": None, "transaction_status": "PENDING"},
        {"from_cost": "0.40", "to_cost": "4", "from_pip": "3", "transaction_status": "FAILED"},
    )
    expected = day(
        trades=4,
        completed=1,
        failed=2,
        pending=1,
        from_cost=Decimal("1.00"),
        to_cost=Decimal("10.00"),
        from_pip_sum=Decimal("6.0001"),
        from_pip_count=3,
        to_pip_sum=Decimal("31.6665"),
        to_pip_count=3,
    )
    assertDataFrameEqual(summary_of("daily_trade_summary", frame), [expected])


def test_one_group_for_each_day_in_utc_and_pair(spark: SparkSession) -> None:
    frame = trades(
        spark,
        {"transaction_date": "2026-01-01T00:00:00"},
        {"transaction_date": "2026-01-01T23:59:59.999999"},
        {"transaction_date": "2026-01-02T00:30:00+01:00"},
        {"transaction_date": "2026-01-02T00:00:00"},
        {"transaction_date": "2024-02-29T12:00:00"},
        {"to_currency": "CHF"},
        {"from_currency": "EUR"},
    )
    found = summary_of("daily_trade_summary", frame).select(
        "trade_day", "from_currency", "to_currency", "trades"
    )
    columns = Row("trade_day", "from_currency", "to_currency", "trades")
    expected = [
        columns(date(2026, 1, 1), "USD", "INR", 3),
        columns(date(2026, 1, 2), "USD", "INR", 1),
        columns(date(2024, 2, 29), "USD", "INR", 1),
        columns(date(2026, 1, 1), "USD", "CHF", 1),
        columns(date(2026, 1, 1), "EUR", "INR", 1),
    ]
    assertDataFrameEqual(found, expected)


def test_group_without_any_pip_sums_to_zero_of_none(spark: SparkSession) -> None:
    frame = trades(spark, {"from_pip": None, "to_pip": None})
    none = {"from_pip_sum": Decimal("0.0000"), "from_pip_count": 0}
    none |= {"to_pip_sum": Decimal("0.0000"), "to_pip_count": 0}
    assertDataFrameEqual(summary_of("daily_trade_summary", frame), [day(**none)])


def test_sums_of_cents_are_exact(spark: SparkSession) -> None:
    frame = trades(spark, *({"from_cost": "0.10", "to_cost": "999999999.99"} for _ in range(1000)))
    (found,) = summary_of("daily_trade_summary", frame).select("from_cost", "to_cost").collect()
    assert found == Row(from_cost=Decimal("100.00"), to_cost=Decimal("999999999990.00"))
