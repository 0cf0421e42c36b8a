"""The gate after ingest: is every record of every file there, once, and readable?"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.contract import Contract, load_contract
from assay.plan import Plan
from spark_jobs.entry import run_stage
from spark_jobs.expectations import GateFrame
from spark_jobs.lakehouse.session import local_frame
from spark_jobs.lakehouse.tables import read_table
from spark_jobs.validate import validate

MANIFEST = pa.schema({"file_id": pa.string(), "file": pa.string(), "records_counted": pa.int64()})


def validate_bronze(spark: SparkSession, plan: Plan, epoch: int) -> dict[str, Any]:
    """Check bronze against the independent counts of accept_files."""
    return validate(spark, plan, bronze_gate)


def bronze_gate(spark: SparkSession, plan: Plan) -> list[tuple[Contract, list[GateFrame]]]:
    """Frames `rows` (the batch's records) and `file_counts` (one row per file, found or not)."""
    if plan.source == "bronze":
        return []
    gates = []
    for dataset in plan.datasets:
        rows = read_table(spark, plan.table("bronze", dataset)).where(
            F.col("batch_id") == plan.batch_id
        )
        manifest = local_frame(
            spark,
            [
                {"file_id": f.file_id, "file": f.source_file, "records_counted": f.records}
                for f in plan.files
            ],
            MANIFEST,
        )
        unknown = F.max(F.coalesce(F.size("unknown_columns"), F.lit(0)))
        found = rows.groupBy("file_id").agg(
            F.count("*").alias("records"),
            F.greatest(unknown, F.lit(0)).alias("unknown_columns"),
        )
        counts = manifest.join(found, on="file_id", how="full").select(
            F.coalesce("file", "file_id").alias("source_file"),
            F.coalesce("records_counted", F.lit(0)).alias("records_counted"),
            F.coalesce("records", F.lit(0)).alias("records_in_bronze"),
            F.coalesce("unknown_columns", F.lit(0)).alias("unknown_columns"),
            F.col("file").isNotNull().alias("in_manifest"),
        )
        frames = [
            GateFrame("rows", rows, ("source_file", "record_number")),
            GateFrame("file_counts", counts, tuple(counts.columns)),
        ]
        gates.append((load_contract("bronze", dataset), frames))
    return gates


if __name__ == "__main__":
    run_stage("validate_bronze", validate_bronze)
