"""Landing → bronze: every record of the batch's files, as delivered, with where it came from."""

from __future__ import annotations

from pyspark.sql import SparkSession

from assay.batch.plan import Plan
from assay.batch.slices import count_slices
from assay.batch.stage_results import Ingested, IngestResult
from assay.contracts.load import load_contract
from assay.intake.rest import require_unchanged
from assay.words import count
from spark_jobs.lakehouse import schemas
from spark_jobs.lakehouse.accepted_files import read_files
from spark_jobs.lakehouse.file_counts import count_files
from spark_jobs.lakehouse.shape import add_columns
from spark_jobs.lakehouse.tables import (
    Fence,
    commit,
    create_table,
    has_batch,
    read_table,
    replace_batch,
)


def ingest_bronze(spark: SparkSession, plan: Plan, epoch: int) -> IngestResult:
    """Write one bronze row per physical record; a repeat replaces this batch's rows.

    Raises BatchError when a file was written to since its records were counted.
    """
    if plan.input.builds_anew:
        batches = count(len(plan.input.batches_again()), "batch")
        told = f"rebuilding from {batches} already in bronze"
        return IngestResult(epoch=epoch, datasets={}, summary=told)
    datasets = {name: _ingest(spark, plan, epoch, name) for name in plan.active}
    require_unchanged(plan.slices, plan.batch_id, every_byte=True)
    for dataset in plan.datasets:
        if dataset not in plan.active:
            _take_back(spark, plan, epoch, dataset)
    told = count(sum(sum(each.records.values()) for each in datasets.values()), "record")
    summary = f"{told} of {count_slices([taken.kind for taken in plan.slices])}"
    return IngestResult(epoch=epoch, datasets=datasets, summary=summary)


def _ingest(spark: SparkSession, plan: Plan, epoch: int, dataset: str) -> Ingested:
    contract = load_contract("bronze", dataset)
    path = plan.table("bronze", dataset)
    create_table(
        spark,
        path,
        schemas.bronze_ddl(contract),
        partition_by="batch_id",
        **schemas.properties(contract),
    )
    fence = Fence(plan.batch_id, epoch, plan.input.identity(), contract.version, digest="")
    add_columns(spark, path, contract, fence)
    rows = read_files(spark, plan.slices_of(dataset), contract, plan.batch_id)
    version = commit(spark, path, fence, lambda: replace_batch(path, rows, plan.batch_id))
    counted = count_files(path, plan.batch_id)
    records = {file: count.records for file, count in counted.items()}
    return Ingested(version=version, records=records)


def _take_back(spark: SparkSession, plan: Plan, epoch: int, dataset: str) -> None:
    """Remove what was ingested before the only file of the dataset was rejected."""
    path = plan.table("bronze", dataset)
    if not has_batch(path, plan.batch_id):
        return
    version = load_contract("bronze", dataset).version
    fence = Fence(plan.batch_id, epoch, plan.input.identity(), version, digest="")
    none = read_table(spark, path).limit(0)
    commit(spark, path, fence, lambda: replace_batch(path, none, plan.batch_id))
