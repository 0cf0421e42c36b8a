"""Gold: the price of a quote times the agreed factor."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.contracts.load import load_contract
from builders.typed_rows import silver_rows
from gold.adjusted_prices.build import grain, summarise

ADJUSTED = load_contract("gold", "adjusted_prices")


def test_price_times_factor_is_exact(spark: SparkSession) -> None:
    prices = ["100", "200", "0", "0.0001", "99999999999999.9999"]
    rows = [{"stock_id": place, "price": price} for place, price in enumerate(prices)]
    frame = grain(silver_rows(spark, "stocks", *rows), "stocks")
    (column,) = (c for c in ADJUSTED.columns if c.name == "price_adjusted")

    def adjusted(factor: str) -> list[Decimal]:
        contract = replace(ADJUSTED, parameters={"factor": factor})
        found = summarise(contract, frame).orderBy("stock_id")
        stored = found.select(F.col("price_adjusted").cast(column.type))  # as gold casts it
        return [row[0] for row in stored.collect()]

    assert ADJUSTED.parameters == {"factor": "0.97"}
    assert adjusted("0.97")[:3] == [Decimal("97.00"), Decimal("194.00"), Decimal(0)]
    for factor in ("0.97", "1", "0.9705"):
        assert adjusted(factor) == [Decimal(price) * Decimal(factor) for price in prices]
