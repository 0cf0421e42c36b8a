"""The last gate: the gold candidates, and whether gold would add up to silver."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.batch.plan import Plan
from assay.batch.stage_results import GateResult, GoldBuild, read_gold
from assay.contracts.model import Contract
from spark_jobs.gates.expectations import GateFrame
from spark_jobs.gates.validate import validate
from spark_jobs.inputs.gold_candidates import read_candidates
from spark_jobs.inputs.silver_rows import silver_input
from spark_jobs.lakehouse.shape import read_as
from spark_jobs.transformations.totals import Summed, Totals, sum_frames

TOTALS = pa.schema(
    {"measure": pa.string(), "gold": pa.decimal128(38, 4), "silver": pa.decimal128(38, 4)}
)


def validate_gold(spark: SparkSession, plan: Plan, epoch: int) -> GateResult:
    """Check the candidates, and reconcile gold as it will be with silver as it will be."""
    return validate(spark, plan, "gold", gold_gate)


def gold_gate(spark: SparkSession, plan: Plan) -> list[tuple[Contract, list[GateFrame]]]:
    """Frames `rows` (candidates) and `totals` (one row per measure: gold and silver)."""
    gold = read_gold(plan.folder).tables
    sums = sum_frames(_silver_after(spark, plan) | _gold_after(spark, plan, gold))
    gates = []
    for contract in plan.gold:
        candidates = read_candidates(spark, gold[contract.name].candidates, contract)
        frames = [GateFrame("rows", candidates.where(~F.col("deleted")), contract.keys)]
        if contract.totals:
            frames.append(GateFrame("totals", _totals(contract, sums), tuple(TOTALS.names)))
        gates.append((contract, frames))
    return gates


def _silver_after(spark: SparkSession, plan: Plan) -> dict[str, Summed]:
    """Silver as it will be, by table, with the columns that a gold table must add up to."""
    summed: dict[str, Summed] = {}
    for dataset in sorted({name for contract in plan.gold for name in contract.datasets}):
        columns = {c for contract in plan.gold for c in contract.totals_of(dataset).values()}
        if columns:
            after = silver_input(spark, plan, dataset).after()
            summed[f"silver.{dataset}"] = (after, {column: column for column in sorted(columns)})
    return summed


def _gold_after(
    spark: SparkSession, plan: Plan, gold: Mapping[str, GoldBuild]
) -> dict[str, Summed]:
    """Each gold table as it will be, with its reconciled measures."""
    return {
        contract.table: (
            _with_candidates(spark, plan, contract, gold[contract.name]),
            {measure: measure for measure in contract.totals},
        )
        for contract in plan.gold
        if contract.totals
    }


def _with_candidates(
    spark: SparkSession, plan: Plan, contract: Contract, built: GoldBuild
) -> DataFrame:
    candidates = read_candidates(spark, built.candidates, contract)
    groups = candidates.where(~F.col("deleted")).drop("deleted")
    if built.base_is_empty:
        return groups
    path = plan.table("gold", contract.name)
    base = read_as(spark, path, contract, built.base_version)
    touched = candidates.select(*contract.keys)
    return base.join(touched, on=list(contract.keys), how="left_anti").unionByName(groups)


def _totals(contract: Contract, sums: Mapping[str, Totals]) -> pa.Table:
    """Each reconciled measure on both sides; `rows` stands for the number of silver rows."""
    in_silver = {
        measure: sums[f"silver.{dataset}"][column]
        for dataset in contract.datasets
        for measure, column in contract.totals_of(dataset).items()
    }
    in_gold = sums[contract.table]
    rows = [
        {"measure": measure, "gold": in_gold[measure], "silver": in_silver[measure]}
        for measure in contract.totals
    ]
    return pa.Table.from_pylist(rows, TOTALS)
