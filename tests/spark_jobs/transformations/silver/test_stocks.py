"""Silver stocks: what makes a good quote."""

from __future__ import annotations

from pyspark.sql import SparkSession

from assay.contracts.load import load_contract
from builders.typed_rows import bronze_rows
from spark_jobs.transformations.silver.stocks import stocks

GOOD = {
    "stock_id": "1",
    "company_id": "7",
    "symbol": " aapl",
    "price": "150.0",
    "volume": "10000",
    "timestamp": "2026-01-01T09:00:00",
    "exchange": "nasdaq",
    "sector": "Technology",
}


def test_quote_is_good_or_has_every_reason(spark: SparkSession) -> None:
    rows: list[dict[str, str | None]] = [
        GOOD,
        {**GOOD, "exchange": None, "sector": " "},
        {**GOOD, "price": "1e2", "volume": "10.5", "stock_id": None},
        {**GOOD, "price": "-0.0001", "volume": "-1", "timestamp": "yesterday"},
        {**GOOD, "price": "0.00001", "company_id": "C7", "symbol": ""},
        {"malformed_record": "{"},
    ]
    judged = stocks(bronze_rows(spark, "stocks", *rows), load_contract("silver", "stocks"))
    found = judged.orderBy("record_number").collect()
    assert [row["reasons"] for row in found] == [
        [],
        [],
        ["stock_id.missing", "price.unparseable", "volume.unparseable"],
        ["price.out_of_range", "volume.out_of_range", "stock_timestamp.unparseable"],
        ["company_id.unparseable", "symbol.missing", "price.unparseable"],
        ["record.malformed"],
    ]
    assert [(row["symbol"], row["exchange"], row["sector"]) for row in found[:2]] == [
        ("AAPL", "NASDAQ", "Technology"),
        ("AAPL", None, None),
    ]
