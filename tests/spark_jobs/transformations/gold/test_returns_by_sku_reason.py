"""Gold: what comes back, and why, by article."""

from __future__ import annotations

from decimal import Decimal

from pyspark.sql import Row, SparkSession
from pyspark.testing import assertDataFrameEqual

from assay.contracts.load import load_contract
from builders.typed_rows import silver_rows
from gold.returns_by_sku_reason.build import grain, summarise


def test_one_row_for_each_article_and_reason(spark: SparkSession) -> None:
    frame = silver_rows(
        spark,
        "product_returns",
        {"sku": "7", "reason": "damaged", "qty": 1, "amount": "0.10"},
        {"sku": "7", "reason": "damaged", "qty": 2, "amount": "0.20"},
        {"sku": "7", "reason": "other", "qty": 0, "amount": "0.00"},
        {"sku": "07", "reason": "damaged", "qty": 2147483647, "amount": "9999999999.99"},
        {"sku": "07", "reason": "damaged", "qty": 1, "amount": "0.01"},
    )
    columns = Row("sku", "reason", "returns", "quantity", "amount")
    assertDataFrameEqual(
        summarise(load_contract("gold", "returns_by_sku_reason"), grain(frame, "product_returns")),
        [
            columns("7", "damaged", 2, 3, Decimal("0.30")),
            columns("7", "other", 1, 0, Decimal("0.00")),
            columns("07", "damaged", 2, 2147483648, Decimal("10000000000.00")),
        ],
    )
