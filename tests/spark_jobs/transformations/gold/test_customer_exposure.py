"""Gold: what each customer has bought, by currency."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pyspark.sql import Row, SparkSession
from pyspark.testing import assertDataFrameEqual

from builders.gold import summary_of
from builders.trades import trades


def test_one_row_for_each_customer_and_currency_bought(spark: SparkSession) -> None:
    frame = trades(
        spark,
        {"customer_id": "ann", "to_cost": "1.10", "transaction_date": "2026-01-05T23:59:59"},
        {"customer_id": "ann", "to_cost": "2.20", "transaction_date": "2026-01-07T00:00:00"},
        {"customer_id": "ann", "to_cost": "4.40", "transaction_date": "2026-01-06T00:00:00"},
        {"customer_id": "ann", "to_cost": "8.00", "to_currency": "CHF", "from_currency": "EUR"},
        {"customer_id": "ann", "to_cost": "1.00", "to_currency": "CHF", "from_currency": "GBP"},
        {"customer_id": "bob", "to_cost": "16.00", "transaction_status": "FAILED"},
    )
    columns = Row("customer_id", "to_currency", "trades", "to_cost", "last_trade_day")
    assertDataFrameEqual(
        summary_of("customer_exposure", frame),
        [
            columns("ann", "INR", 3, Decimal("7.70"), date(2026, 1, 7)),
            columns("ann", "CHF", 2, Decimal("9.00"), date(2026, 1, 1)),
            columns("bob", "INR", 1, Decimal("16.00"), date(2026, 1, 1)),
        ],
    )


def test_last_trade_day_is_a_day_in_utc(spark: SparkSession) -> None:
    frame = trades(spark, {"transaction_date": "2026-01-02T00:30:00+01:00"})
    (found,) = summary_of("customer_exposure", frame).select("last_trade_day").collect()
    assert found["last_trade_day"] == date(2026, 1, 1)
