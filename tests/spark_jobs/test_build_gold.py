"""The candidates of all gold tables, written by one query."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from assay.batch.inputs import Slices
from assay.contracts.load import gold_contracts, load_contract
from builders.batches import LOAD, Lake, take
from builders.deliveries import make_set
from spark_jobs.stages.write_candidates import alike

PRICES = load_contract("gold", "adjusted_prices")
SECTORS = load_contract("gold", "sector_totals")


def test_tables_are_written_together_unless_one_name_means_two_types() -> None:
    finance = gold_contracts(["stocks", "mutual_funds"])
    assert alike(finance) == [finance]
    columns = [replace(c, type="int") if c.name == "volume" else c for c in SECTORS.columns]
    other = replace(SECTORS, columns=tuple(columns))
    assert alike([PRICES, other, SECTORS]) == [[PRICES, SECTORS], [other]]
    columns = [replace(c, name="Volume") if c.name == "volume" else c for c in SECTORS.columns]
    other = replace(SECTORS, columns=tuple(columns))
    assert alike([PRICES, other]) == [[PRICES], [other]]
    assert alike([]) == []


@pytest.mark.long
def test_table_without_a_touched_group_beside_one_that_has_some(
    spark: SparkSession, tmp_path: Path
) -> None:
    """Quotes that were delivered before, and funds that were not."""
    datasets = ["stocks", "mutual_funds"]
    (stocks,) = make_set(tmp_path, "stocks", files=1, rows=20, days=1).options.out.iterdir()
    first, second = sorted(
        make_set(tmp_path, "mutual_funds", files=2, rows=20, days=2).options.out.iterdir()
    )
    lake = Lake(spark, tmp_path)
    for batch, funds in (("b1", first), ("b2", second)):
        files = [take(tmp_path, stocks, "stocks"), take(tmp_path, funds, "mutual_funds")]
        plan = lake.plan(batch, pipeline="finance", datasets=datasets, active=datasets)
        plan = replace(plan, input=Slices(files))
        lake.run(plan, *LOAD[:-1], "validate_gold", "commit")
    built = lake.results["build_gold"]["tables"]
    touched = {name for name, table in built.items() if table["groups"]}
    assert "company_coverage" in touched
    assert not touched & {"adjusted_prices", "sector_totals"}
    for contract in gold_contracts(datasets):
        folder = Path(built[contract.name]["candidates"])
        needed = {*contract.column_names, "deleted"}
        for file in folder.glob("*.parquet"):
            assert needed <= {*pq.read_schema(file).names}, contract.name
        assert [*folder.glob("*.parquet")]
    quotes = lake.spark.read.format("delta").load(plan.table("silver", "stocks")).count()
    prices = lake.spark.read.format("delta").load(plan.table("gold", "adjusted_prices")).count()
    assert quotes == prices > 0
