"""Gold: what a fund's holding is worth at the latest quotes of its company's stocks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from assay.contracts.load import load_contract
from builders.typed_rows import silver_rows
from gold.fund_holdings_value.build import grain, summarise

VALUE = load_contract("gold", "fund_holdings_value")


def quotes(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    names = ("stock_id", "company_id", "price", "stock_timestamp")
    named = [{**dict(zip(names, row, strict=True)), "volume": 1} for row in rows]
    return grain(silver_rows(spark, "stocks", *named), "stocks")


def funds(spark: SparkSession, *rows: tuple[int, int, int]) -> DataFrame:
    names = ("fund_id", "company_id", "holdings")
    named = [dict(zip(names, row, strict=True)) for row in rows]
    return grain(silver_rows(spark, "mutual_funds", *named), "mutual_funds")


def test_figures_of_the_prior_system(spark: SparkSession) -> None:
    at = "2026-01-01T09:00:00"
    stocks = quotes(spark, (1, 1, "150.0", at), (2, 2, "2800.0", at), (3, 3, "3400.0", at))
    found = summarise(VALUE, stocks, funds(spark, (1, 1, 5000), (2, 3, 3000)))
    assert set(VALUE.column_names) <= set(found.columns)
    rows = found.select("fund_id", "stock_id", "total_value").orderBy("fund_id").collect()
    assert [tuple(row) for row in rows] == [
        (1, 1, Decimal("750000.0")),
        (2, 3, Decimal("10200000.0")),
    ]


def test_every_fund_meets_every_stock_of_its_company_at_its_latest_quote(
    spark: SparkSession,
) -> None:
    stocks = quotes(
        spark,
        (1, 7, "10.0001", "2026-01-02T10:00:00"),
        (1, 7, "99", "2026-01-01T10:00:00"),
        (2, 7, "20", "2026-01-01T10:00:00"),
        (2, 8, "30", "2026-01-03T10:00:00"),  # from then on a share of another company
        (3, 9, "40", "2026-01-01T10:00:00"),
    )
    held = funds(spark, (1, 7, 3), (2, 7, 0), (3, 8, 1), (4, 6, 5))
    found = summarise(VALUE, stocks, held).select("fund_id", "stock_id", "total_value")
    assert sorted(tuple(row) for row in found.collect()) == [
        (1, 1, Decimal("30.0003")),
        (1, 2, Decimal("60.0000")),
        (2, 1, Decimal("0.0000")),
        (2, 2, Decimal("0.0000")),
        (3, 2, Decimal("30.0000")),
    ]
