"""The gate after ingest: is every record of every file there, once, and readable?"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.contract import Contract, load_contract
from assay.landing.filenames import PATCHED_ROW, REASONS_OF_PATCH
from assay.plan import ManifestFile, Plan
from spark_jobs.expectations import GateFrame
from spark_jobs.lakehouse.tables import read_table
from spark_jobs.validate import validate

FILE_COUNTS = pa.schema(
    {
        "source_file": pa.string(),
        "records_counted": pa.int64(),
        "records_in_bronze": pa.int64(),
        "unknown_columns": pa.int64(),
        "in_manifest": pa.bool_(),
    }
)


def validate_bronze(spark: SparkSession, plan: Plan, epoch: int) -> dict[str, Any]:
    """Check bronze against the independent counts of accept_files."""
    return validate(spark, plan, "bronze", bronze_gate)


def bronze_gate(spark: SparkSession, plan: Plan) -> list[tuple[Contract, list[GateFrame]]]:
    """Frames `rows` (the batch's records) and `file_counts` (one row per file, found or not)."""
    if plan.source == "bronze":
        return []
    expected = [PATCHED_ROW, REASONS_OF_PATCH] if plan.is_patch else []
    gates = []
    for dataset in plan.inputs:
        rows = read_table(spark, plan.table("bronze", dataset)).where(
            F.col("batch_id") == plan.batch_id
        )
        counts = _count_files(rows, plan.files_of(dataset), expected)
        frames = [
            GateFrame("rows", rows, ("source_file", "record_number")),
            GateFrame(
                "file_counts", pa.Table.from_pylist(counts, FILE_COUNTS), tuple(FILE_COUNTS.names)
            ),
        ]
        gates.append((load_contract("bronze", dataset), frames))
    return gates


def _count_files(
    rows: DataFrame, files: list[ManifestFile], expected: list[str]
) -> list[dict[str, Any]]:
    """One row per file of the manifest or of bronze; counted once, for every expectation."""
    unknown_names = F.filter(F.map_keys("unknown_columns"), lambda name: ~name.isin(expected))
    unknown = F.max(F.coalesce(F.size(unknown_names), F.lit(0)))
    counted = rows.groupBy("file_id").agg(F.count("*"), F.greatest(unknown, F.lit(0))).collect()
    found = {file_id: (records, columns) for file_id, records, columns in counted}
    manifest = {file.file_id: file for file in files}
    return [
        {
            "source_file": manifest[file_id].source_file if file_id in manifest else file_id,
            "records_counted": manifest[file_id].records if file_id in manifest else 0,
            "records_in_bronze": found.get(file_id, (0, 0))[0],
            "unknown_columns": found.get(file_id, (0, 0))[1],
            "in_manifest": file_id in manifest,
        }
        for file_id in sorted(manifest.keys() | found.keys())
    ]
