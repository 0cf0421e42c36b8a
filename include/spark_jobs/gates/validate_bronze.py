"""The gate after ingest: is every record of every file there, once, and readable?"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from assay.batch.plan import Plan
from assay.batch.stage_results import GateResult
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from assay.intake.filenames import PATCHED_ROW, REASONS_OF_PATCH
from spark_jobs.gates.expectations import GateFrame
from spark_jobs.gates.validate import validate
from spark_jobs.lakehouse.file_counts import FileCount, count_files
from spark_jobs.lakehouse.tables import read_table

FILE_COUNTS = pa.schema(
    {
        "source_file": pa.string(),
        "records_counted": pa.int64(),
        "records_in_bronze": pa.int64(),
        "unknown_columns": pa.int64(),
        "in_manifest": pa.bool_(),
    }
)


def validate_bronze(spark: SparkSession, plan: Plan, epoch: int) -> GateResult:
    """Check bronze against the independent counts of accept_files."""
    return validate(spark, plan, "bronze", bronze_gate)


def bronze_gate(spark: SparkSession, plan: Plan) -> list[tuple[Contract, list[GateFrame]]]:
    """Frames `rows` (the batch's records) and `file_counts` (one row per file, found or not)."""
    if not plan.input.delivers():
        return []
    expected = [PATCHED_ROW, REASONS_OF_PATCH] if plan.input.replaces_rows else []
    gates = []
    for dataset in plan.active:
        path = plan.table("bronze", dataset)
        rows = read_table(spark, path).where(F.col("batch_id") == plan.batch_id)
        counts = _file_counts(path, plan, dataset, expected)
        frames = [
            GateFrame("rows", rows, ("source_file", "record_number")),
            GateFrame(
                "file_counts", pa.Table.from_pylist(counts, FILE_COUNTS), tuple(FILE_COUNTS.names)
            ),
        ]
        gates.append((load_contract("bronze", dataset), frames))
    return gates


def _file_counts(
    path: str, plan: Plan, dataset: str, expected: Sequence[str]
) -> list[dict[str, str | int | bool]]:
    """One row per file of the manifest or of bronze; counted once, for every expectation."""
    found = count_files(path, plan.batch_id, expected)
    manifest = {file.slice_id: file for file in plan.slices_of(dataset)}
    rows: list[dict[str, str | int | bool]] = []
    for slice_id in sorted(manifest.keys() | found.keys()):
        file, count = manifest.get(slice_id), found.get(slice_id, FileCount())
        rows.append(
            {
                "source_file": file.source_file if file else slice_id,
                "records_counted": file.records if file else 0,
                "records_in_bronze": count.records,
                "unknown_columns": count.unknown_columns,
                "in_manifest": file is not None,
            }
        )
    return rows
