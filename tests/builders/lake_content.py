"""What stands in the tables of a lake, for tests that compare it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pyspark.sql import DataFrame

from assay.contracts.load import load_contract
from assay.generate.truth import content_hash
from assay.storage.delta_history import head
from builders.batches import Lake
from spark_jobs.lakehouse.tables import read_table

SILVER = load_contract("silver", "trades")
TABLES = ("silver/trades", "gold/customer_exposure", "gold/daily_trade_summary")
QUARANTINE = "quarantine/trades"


def table(lake: Lake, name: str) -> DataFrame:
    return read_table(lake.spark, f"{lake.home}/lake/{name}")


def silver_hash(lake: Lake) -> str:
    return content_hash(row["row_hash"] for row in table(lake, TABLES[0]).collect())


def versions(lake: Lake) -> dict[str, int]:
    return {name: head(f"{lake.home}/lake/{name}").version for name in (*TABLES, QUARANTINE)}


def contents(lake: Lake) -> dict[str, Counter[Any]]:
    """The business content of every table; lineage is none."""
    found = {TABLES[0]: Counter(table(lake, TABLES[0]).select(*SILVER.column_names).collect())}
    for name in TABLES[1:]:
        found[name] = Counter(table(lake, name).collect())
    quarantine = table(lake, QUARANTINE)
    facts = quarantine.select("source_file", "record_number", "reasons", "raw").collect()
    found[QUARANTINE] = Counter((*row[:2], *row["reasons"], row["raw"]) for row in facts)
    return found


def recomputed(lake: Lake) -> dict[str, Counter[Any]]:
    """What gold has to be, from silver as it stands."""
    lake.spark.catalog.dropTempView("silver_now")
    table(lake, TABLES[0]).createOrReplaceTempView("silver_now")
    exposure = lake.spark.sql(
        "SELECT customer_id, to_currency, count(*), sum(to_cost),"
        " max(to_date(transaction_date)) FROM silver_now GROUP BY ALL"
    )
    summary = lake.spark.sql(
        "SELECT to_date(transaction_date), from_currency, to_currency, count(*),"
        " count_if(transaction_status = 'COMPLETED'), count_if(transaction_status = 'FAILED'),"
        " count_if(transaction_status = 'PENDING'), sum(from_cost), sum(to_cost),"
        " coalesce(sum(from_pip), 0), count(from_pip), coalesce(sum(to_pip), 0), count(to_pip)"
        " FROM silver_now GROUP BY ALL"
    )
    return {
        TABLES[1]: Counter(tuple(row) for row in exposure.collect()),
        TABLES[2]: Counter(tuple(row) for row in summary.collect()),
    }


def assert_gold_is_of_silver(lake: Lake) -> None:
    for name, expected in recomputed(lake).items():
        assert Counter(tuple(row) for row in table(lake, name).collect()) == expected
