"""Change set → gold candidates: the touched groups of every gold table. Writes no table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.batch.gates import subjects
from assay.batch.plan import Plan
from assay.batch.rules import rules_version
from assay.batch.stage_results import Bounds, GoldBuild, GoldResult
from assay.contracts.model import Contract
from assay.storage.delta_history import base_of
from spark_jobs.inputs.silver_rows import silver_input
from spark_jobs.lakehouse.merge import told_columns
from spark_jobs.lakehouse.shape import read_unless_empty
from spark_jobs.stages.registry import gold_functions
from spark_jobs.transformations.touched_groups import gold_candidates


def build_gold(spark: SparkSession, plan: Plan, epoch: int) -> dict[str, Any]:
    """Recompute the groups that the batch touches from silver as it will be.

    The result names the change sets that it was made from, and the rules.
    """
    made_from = subjects(plan, "silver") if plan.needs("build_silver") else {}
    written = {contract.name: _write(spark, plan, epoch, contract) for contract in plan.gold}
    counted = _count(spark, plan, written)
    tables = {name: GoldBuild(**facts, **counted[name]) for name, facts in written.items()}
    listed = ", ".join(f"{table.groups:,} of {name}" for name, table in tables.items())
    rules = rules_version(plan.datasets)
    result = GoldResult(epoch=epoch, tables=tables, made_from=made_from, rules=rules)
    return {**asdict(result), "summary": f"groups: {listed}"}


def _write(spark: SparkSession, plan: Plan, epoch: int, contract: Contract) -> dict[str, Any]:
    """Write the candidates of a table; returns where they are, and what they were made on."""
    path = plan.table("gold", contract.name)
    base = base_of(path, plan.batch_id)
    gold = (
        read_unless_empty(spark, path, contract, base.version) if plan.input.adds_to_gold else None
    )
    grain, summarise = gold_functions(contract.name)
    inputs = [silver_input(spark, plan, dataset) for dataset in contract.datasets]
    candidates = plan.work("gold", str(epoch), contract.name)
    made = gold_candidates(inputs, gold, contract, grain, summarise)
    made.write.mode("overwrite").parquet(candidates)
    return {
        "candidates": candidates,
        "base_version": base.version,
        "base_is_empty": gold is None,
    }


def _count(
    spark: SparkSession, plan: Plan, written: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """By table: the groups that stay, those that go, a digest of both, and their bounds."""
    asked = [
        _facts(spark.read.parquet(written[contract.name]["candidates"]), contract)
        for contract in plan.gold
    ]
    keys = {contract.name: told_columns(contract, contract.keys) for contract in plan.gold}
    return {
        row["table"]: {
            "groups": row["stay"],
            "deleted": row["go"],
            "digest": f"{row['stay']}/{row['go']}/{row['bits']}",
            "bounds": _bounds(keys[row["table"]], row["least"], row["most"]),
        }
        for row in (reduce(DataFrame.unionAll, asked).collect() if asked else ())
    }


def _facts(candidates: DataFrame, contract: Contract) -> DataFrame:
    fingerprint = F.xxhash64(*candidates.columns).cast("decimal(20,0)")
    keys = told_columns(contract, contract.keys)
    return candidates.agg(
        F.lit(contract.name).alias("table"),
        F.count_if(~F.col("deleted")).alias("stay"),
        F.count_if("deleted").alias("go"),
        F.sum(fingerprint).alias("bits"),
        _texts(map(F.min, keys)).alias("least"),
        _texts(map(F.max, keys)).alias("most"),
    )


def _texts(values: Iterable[Column]) -> Column:
    return F.array(*(value.cast("string") for value in values)).cast("array<string>")


def _bounds(keys: Sequence[str], least: Sequence[str | None], most: Sequence[str | None]) -> Bounds:
    """Between which values the keys of the candidates lie, as text; see `merge`."""
    found = zip(keys, least, most, strict=True)
    return {key: (low, high) for key, low, high in found if low is not None and high is not None}
