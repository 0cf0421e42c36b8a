"""The gate before silver: the rows that the batch would bring in, and what became of the rest."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from assay.batch.plan import Plan
from assay.batch.results import GOOD_CLASSES, RECORD_CLASSES
from assay.batch.stage_results import GateResult, read_silver
from assay.contracts.load import load_contract
from assay.contracts.model import Contract
from spark_jobs.gates.expectations import GateFrame
from spark_jobs.gates.validate import validate
from spark_jobs.inputs.bronze_rows import quarantined_rows
from spark_jobs.lakehouse.tables import read_table
from spark_jobs.transformations.change_set import WINNERS

LOCATION = ("source_file", "record_number")
CLASSES = pa.schema(
    {
        "dataset": pa.string(),
        "records": pa.int64(),
        "classified": pa.int64(),
        "good": pa.int64(),
    }
)


def validate_silver(spark: SparkSession, plan: Plan, epoch: int) -> GateResult:
    """Check the change set: nothing of it is in silver yet."""
    return validate(spark, plan, "silver", silver_gate)


def silver_gate(spark: SparkSession, plan: Plan) -> list[tuple[Contract, list[GateFrame]]]:
    """Frames `rows` (new and updated), `records` (all) and `classes` (one row of counts)."""
    datasets = read_silver(plan.folder).datasets
    gates = []
    for dataset in plan.active:
        built = datasets[dataset]
        change_set = spark.read.parquet(built.change_set)
        rows = change_set.where(F.col("class").isin(*WINNERS))
        records = _records_to_classify(spark, plan, dataset) - built.stay
        counts = {name: built.count(name) for name in RECORD_CLASSES}
        classified, good = sum(counts.values()), sum(counts[c] for c in GOOD_CLASSES)
        classes = {
            "dataset": dataset,
            "records": records,
            "classified": classified,
            "good": good,
        }
        counted = pa.Table.from_pylist([classes], CLASSES)
        frames = [
            GateFrame("rows", rows, LOCATION),
            GateFrame("records", _judged_records(change_set), LOCATION),
            GateFrame("classes", counted, tuple(CLASSES.names)),
        ]
        gates.append((load_contract("silver", dataset), frames))
    return gates


def _judged_records(change_set: DataFrame) -> DataFrame:
    """Every record of the batch, with the reasons that it is quarantined for, or null."""
    reasons = F.when(F.col("class") == "quarantined", F.concat_ws(", ", "reasons"))
    return change_set.select(*LOCATION, reasons.alias("quarantined_for"))


def _records_to_classify(spark: SparkSession, plan: Plan, dataset: str) -> int:
    """What accept_files counted, in files or quarantine; else what stands in bronze."""
    counted = plan.input.counted(dataset)
    if counted is not None:
        return sum(counted.values())
    if plan.input.takes_rows:
        return quarantined_rows(spark, plan, dataset).count()
    bronze = read_table(spark, plan.table("bronze", dataset))
    return bronze.where(F.col("batch_id").isin(plan.input.batches_again())).count()
