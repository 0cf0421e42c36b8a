"""Silver mutual funds: what makes a good holding."""

from __future__ import annotations

from pyspark.sql import SparkSession

from assay.contracts.load import load_contract
from builders.typed_rows import bronze_rows
from spark_jobs.stages.registry import silver_function

GOOD = {
    "fund_id": "1",
    "name": "Tech Fund",
    "company_id": "7",
    "holdings": "5000",
    "timestamp": "2026-01-01 18:00:00Z",
}


def test_holding_is_good_or_has_every_reason(spark: SparkSession) -> None:
    rows: list[dict[str, str | None]] = [
        GOOD,
        {**GOOD, "holdings": "0"},
        {**GOOD, "holdings": "-1", "name": " ", "fund_id": "one"},
        {**GOOD, "holdings": "5,000", "company_id": None, "timestamp": None},
    ]
    contract = load_contract("silver", "mutual_funds")
    judged = silver_function("mutual_funds")(bronze_rows(spark, "mutual_funds", *rows), contract)
    assert [row["reasons"] for row in judged.orderBy("record_number").collect()] == [
        [],
        [],
        ["fund_id.unparseable", "name.missing", "holdings.out_of_range"],
        ["company_id.missing", "holdings.unparseable", "fund_timestamp.missing"],
    ]
