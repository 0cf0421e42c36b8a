"""Gold: quotes, volume and turnover of a sector at an exchange."""

from __future__ import annotations

from decimal import Decimal

from pyspark.sql import SparkSession

from assay.contracts.load import load_contract
from builders.typed_rows import silver_rows
from gold.sector_totals.build import grain, summarise


def test_turnover_is_summed_exactly_and_a_missing_name_is_unknown(spark: SparkSession) -> None:
    tech = {"sector": "Technology", "exchange": "NASDAQ"}
    frame = silver_rows(
        spark,
        "stocks",
        {**tech, "price": "0.1", "volume": 3},
        {**tech, "price": "0.2", "volume": 1},
        {"sector": "Technology", "exchange": "NYSE", "price": "0", "volume": 5},
        {"sector": "Energy", "price": "1", "volume": 0},
        {"price": "999999999.9999", "volume": 1000000000000},
    )
    contract = load_contract("gold", "sector_totals")
    rows = summarise(contract, grain(frame, "stocks")).select(*contract.column_names).collect()
    assert sorted(tuple(row) for row in rows) == [
        ("Energy", "UNKNOWN", 1, 0, Decimal(0)),
        ("Technology", "NASDAQ", 2, 4, Decimal("0.5")),
        ("Technology", "NYSE", 1, 5, Decimal(0)),
        ("UNKNOWN", "UNKNOWN", 1, 1000000000000, Decimal("999999999999900000000")),
    ]
