"""Silver as the gold stages of a batch find it: at its base, with the batch's own change set."""

from __future__ import annotations

from pyspark.sql import SparkSession

from assay.contracts.load import load_contract
from assay.delta_history import NO_TABLE, base_of
from assay.plan import Plan
from assay.stage_results import read_silver
from spark_jobs.lakehouse.schemas import empty_silver
from spark_jobs.lakehouse.shape import read_as, read_unless_empty
from spark_jobs.transformations.touched_groups import SilverInput


def silver_input(spark: SparkSession, plan: Plan, dataset: str) -> SilverInput:
    """A dataset as this batch finds it, and what the batch changes of it."""
    contract, path = load_contract("silver", dataset), plan.table("silver", dataset)
    if dataset in plan.silver_versions:
        silver = read_as(spark, path, contract, plan.silver_versions[dataset])
        return SilverInput(contract, silver, None)
    if dataset in plan.inputs:
        built = read_silver(plan.folder).datasets[dataset]
        version = built.base_version
        base = None if built.base_is_empty else read_as(spark, path, contract, version)
        return SilverInput(contract, base, spark.read.parquet(built.change_set))
    # Of other pipelines only what is released counts.
    version = NO_TABLE.version if plan.source == "silver" else base_of(path, plan.batch_id).version
    standing = read_unless_empty(spark, path, contract, version)
    return SilverInput(contract, standing or empty_silver(spark, contract), None)
