"""Gold: what either feed knows of a company."""

from __future__ import annotations

from pyspark.sql import SparkSession

from assay.contracts.load import load_contract
from builders.typed_rows import silver_rows
from gold.company_coverage.build import grain, summarise


def test_what_has_no_counterpart_is_counted_too(spark: SparkSession) -> None:
    stocks = silver_rows(
        spark,
        "stocks",
        {"company_id": 1, "stock_id": 10},
        {"company_id": 1, "stock_id": 10},
        {"company_id": 1, "stock_id": 11},
        {"company_id": 2, "stock_id": 20},
    )
    funds = silver_rows(
        spark,
        "mutual_funds",
        {"company_id": 1, "fund_id": 1, "holdings": 5},
        {"company_id": 1, "fund_id": 2, "holdings": 6},
        {"company_id": 3, "fund_id": 3, "holdings": 0},
    )
    contract = load_contract("gold", "company_coverage")
    found = summarise(contract, grain(stocks, "stocks"), grain(funds, "mutual_funds"))
    rows = found.select(*contract.column_names).collect()
    assert sorted(tuple(row) for row in rows) == [
        (1, 2, 3, 2, 11),
        (2, 1, 1, 0, 0),
        (3, 0, 0, 1, 0),
    ]
