"""Gold: returns per day and category."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pyspark.sql import Row, SparkSession
from pyspark.testing import assertDataFrameEqual

from assay.contracts.load import load_contract
from builders.typed_rows import silver_rows
from gold.daily_returns.build import grain, summarise


def test_reasons_of_one_category_are_one_group_of_their_day(spark: SparkSession) -> None:
    first, quality = {"return_date": "2026-01-01"}, {"reason_category": "quality_issue"}
    frame = silver_rows(
        spark,
        "product_returns",
        first | quality | {"reason": "damaged", "qty": 1, "amount": "1.10"},
        first | quality | {"reason": "defective", "qty": 2, "amount": "2.20"},
        first | {"reason_category": "other", "reason": "other", "qty": 4, "amount": "4.00"},
        quality | {"return_date": "2026-01-02", "reason": "damaged", "qty": 8, "amount": "8.00"},
    )
    columns = Row("return_date", "reason_category", "returns", "quantity", "amount")
    assertDataFrameEqual(
        summarise(load_contract("gold", "daily_returns"), grain(frame, "product_returns")),
        [
            columns(date(2026, 1, 1), "quality_issue", 2, 3, Decimal("3.30")),
            columns(date(2026, 1, 1), "other", 1, 4, Decimal("4.00")),
            columns(date(2026, 1, 2), "quality_issue", 1, 8, Decimal("8.00")),
        ],
    )
