"""The last gate: the gold candidates, and whether gold would add up to silver."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contract import Contract
from assay.plan import Plan
from assay.results import latest_result
from spark_jobs.expectations import GateFrame
from spark_jobs.lakehouse.session import local_frame
from spark_jobs.lakehouse.shape import read_as
from spark_jobs.silver_input import silver_input
from spark_jobs.totals import sum_measures
from spark_jobs.validate import validate

TOTALS = pa.schema(
    {"measure": pa.string(), "gold": pa.decimal128(38, 4), "silver": pa.decimal128(38, 4)}
)


def validate_gold(spark: SparkSession, plan: Plan, epoch: int) -> dict[str, Any]:
    """Check the candidates, and reconcile gold as it will be with silver as it will be."""
    return validate(spark, plan, "gold", gold_gate)


def gold_gate(spark: SparkSession, plan: Plan) -> list[tuple[Contract, list[GateFrame]]]:
    """Frames `rows` (candidates) and `totals` (one row per measure: gold and silver)."""
    gold = latest_result(plan.folder, "build_gold")["tables"]
    in_silver = _sum_silver(spark, plan)
    gates = []
    for contract in plan.gold:
        built = gold[contract.name]
        candidates = spark.read.parquet(built["candidates"])
        frames = [GateFrame("rows", candidates.where(~F.col("deleted")), contract.keys)]
        if contract.totals:
            after = _gold_after(spark, plan, contract, built)
            totals = _totals(spark, contract, after, in_silver)
            frames.append(GateFrame("totals", totals, tuple(TOTALS.names)))
        gates.append((contract, frames))
    return gates


def _gold_after(
    spark: SparkSession, plan: Plan, contract: Contract, built: dict[str, Any]
) -> DataFrame:
    candidates = spark.read.parquet(built["candidates"])
    groups = candidates.where(~F.col("deleted")).drop("deleted")
    if built["base_is_empty"]:
        return groups
    path = plan.table("gold", contract.name)
    base = read_as(spark, path, contract, built["base_version"])
    touched = candidates.select(*contract.keys)
    return base.join(touched, on=list(contract.keys), how="left_anti").unionByName(groups)


def _sum_silver(spark: SparkSession, plan: Plan) -> dict[tuple[str, str], Decimal]:
    """Total by dataset and column of silver as it will be; one pass serves all gold tables."""
    sums: dict[tuple[str, str], Decimal] = {}
    for dataset in sorted({name for contract in plan.gold for name in contract.datasets}):
        columns = {c for contract in plan.gold for c in contract.totals_of(dataset).values()}
        if columns:
            silver = silver_input(spark, plan, dataset).after()
            totals = sum_measures(silver, {column: column for column in sorted(columns)})
            sums |= {(dataset, column): total for column, total in totals.items()}
    return sums


def _totals(
    spark: SparkSession,
    contract: Contract,
    gold: DataFrame,
    sums: Mapping[tuple[str, str], Decimal],
) -> DataFrame:
    """Sum each reconciled measure on both sides; `rows` stands for the number of silver rows."""
    in_gold = sum_measures(gold, {measure: measure for measure in contract.totals})
    in_silver = {
        measure: sums[dataset, column]
        for dataset in contract.datasets
        for measure, column in contract.totals_of(dataset).items()
    }
    rows = [
        {"measure": measure, "gold": in_gold[measure], "silver": in_silver[measure]}
        for measure in contract.totals
    ]
    return local_frame(spark, rows, TOTALS)
