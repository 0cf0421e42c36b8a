"""Landing → bronze: every record of the batch's files, as delivered, with where it came from."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import SparkSession

from assay.contract import load_contract
from assay.landing.rest import require_unchanged
from assay.plan import Plan
from spark_jobs.lakehouse import schemas
from spark_jobs.lakehouse.landing import read_files
from spark_jobs.lakehouse.shape import add_columns
from spark_jobs.lakehouse.tables import (
    Fence,
    commit,
    create_table,
    has_batch,
    read_table,
    replace_batch,
)


def ingest_bronze(spark: SparkSession, plan: Plan, epoch: int) -> dict[str, Any]:
    """Write one bronze row per physical record; a repeat replaces this batch's rows.

    Raises BatchError when a file was written to since its records were counted.
    """
    if plan.source == "bronze":
        batches = len(plan.rebuild_batches)
        return {"datasets": {}, "summary": f"rebuilding from {batches} batches already in bronze"}
    datasets = {name: _ingest(spark, plan, epoch, name) for name in plan.inputs}
    require_unchanged(plan.files, plan.batch_id, every_byte=True)
    for dataset in plan.datasets:
        if dataset not in plan.inputs:
            _take_back(spark, plan, epoch, dataset)
    records = sum(sum(d["records"].values()) for d in datasets.values())
    return {"datasets": datasets, "summary": f"{records:,} records of {len(plan.files)} files"}


def _ingest(spark: SparkSession, plan: Plan, epoch: int, dataset: str) -> dict[str, Any]:
    contract = load_contract("bronze", dataset)
    path = plan.table("bronze", dataset)
    create_table(
        spark,
        path,
        schemas.bronze_ddl(contract),
        partition_by="batch_id",
        **schemas.properties(contract),
    )
    fence = Fence(plan.batch_id, epoch, plan.manifest_hash, contract.version, digest="")
    add_columns(spark, path, contract, fence)
    rows = read_files(spark, plan.files_of(dataset), contract, plan.batch_id)
    version = commit(spark, path, fence, lambda: replace_batch(path, rows, plan.batch_id))
    return {"version": version, "records": _count_records(path, version, plan.batch_id)}


def _count_records(path: str, version: int, batch_id: str) -> dict[str, int]:
    """Rows of the batch by file_id, counted by another engine than the one that wrote them."""
    written = QueryBuilder().register("bronze", DeltaTable(path, version=version))
    query = (
        "SELECT file_id, count(*) AS records FROM bronze"  # noqa: S608  # a name of our own
        f" WHERE batch_id = '{batch_id}' GROUP BY file_id"
    )
    counted = pa.table(written.execute(query).read_all()).to_pylist()
    return {row["file_id"]: row["records"] for row in counted}


def _take_back(spark: SparkSession, plan: Plan, epoch: int, dataset: str) -> None:
    """Remove what was ingested before the only file of the dataset was rejected."""
    path = plan.table("bronze", dataset)
    if not has_batch(path, plan.batch_id):
        return
    version = load_contract("bronze", dataset).version
    fence = Fence(plan.batch_id, epoch, plan.manifest_hash, version, digest="")
    none = read_table(spark, path).limit(0)
    commit(spark, path, fence, lambda: replace_batch(path, none, plan.batch_id))
