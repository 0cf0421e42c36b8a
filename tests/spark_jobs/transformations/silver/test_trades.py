"""Silver trades: the one rule that the contract cannot state."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.testing import assertDataFrameEqual

from builders.trades import SILVER, bronze
from spark_jobs.transformations.conform import conform
from spark_jobs.transformations.silver.trades import trades


def test_trade_must_change_the_currency(spark: SparkSession) -> None:
    rows = [
        {"from_currency": "EUR", "to_currency": " eur"},
        {"from_currency": "EUR"},
        {"from_currency": None, "to_currency": "EUR"},
    ]
    judged = trades(bronze(spark, *rows), SILVER).orderBy("record_number")
    assert [row["reasons"] for row in judged.collect()] == [
        ["to_currency.unknown", "currency_pair.same"],
        [],
        ["from_currency.missing", "to_currency.unknown"],
    ]


def test_everything_else_is_the_contract(spark: SparkSession) -> None:
    frame = bronze(spark, {}, {"from_cost": "x"}, {"trade_id": None}, {"malformed_record": "a"})
    assertDataFrameEqual(trades(frame, SILVER), conform(frame, SILVER))
