"""Silver as the gold stages of a batch find it: at its base, with the batch's own change set."""

from __future__ import annotations

from pyspark.sql import SparkSession

from assay.batch.plan import Plan
from assay.batch.stage_results import read_silver
from assay.contracts.load import load_contract
from assay.storage.delta_history import NO_TABLE, base_of
from spark_jobs.lakehouse.schemas import empty_silver
from spark_jobs.lakehouse.shape import read_as, read_unless_empty
from spark_jobs.transformations.touched_groups import SilverInput


def silver_input(spark: SparkSession, plan: Plan, dataset: str) -> SilverInput:
    """A dataset as this batch finds it, and what the batch changes of it."""
    contract, path = load_contract("silver", dataset), plan.table("silver", dataset)
    released = plan.input.silver_versions()
    if dataset in released:
        return SilverInput(contract, read_as(spark, path, contract, released[dataset]), None)
    if dataset in plan.active:
        built = read_silver(plan.folder).datasets[dataset]
        version = built.base_version
        base = None if built.base_is_empty else read_as(spark, path, contract, version)
        return SilverInput(contract, base, spark.read.parquet(built.change_set))
    # What other pipelines have not released does not count.
    version = base_of(path, plan.batch_id).version if plan.input.makes_silver else NO_TABLE.version
    standing = read_unless_empty(spark, path, contract, version)
    return SilverInput(contract, standing or empty_silver(spark, contract), None)
