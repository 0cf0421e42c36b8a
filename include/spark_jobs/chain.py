"""The Spark stages of a batch, in their order."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import SparkSession

from assay.batch.plan import Plan
from assay.batch.stage_results import StageResult
from spark_jobs.gates.validate_bronze import validate_bronze
from spark_jobs.gates.validate_gold import validate_gold
from spark_jobs.gates.validate_silver import validate_silver
from spark_jobs.stages.build_gold import build_gold
from spark_jobs.stages.build_silver import build_silver
from spark_jobs.stages.commit import commit_batch
from spark_jobs.stages.ingest_bronze import ingest_bronze

Stage = Callable[[SparkSession, Plan, int], StageResult]

STAGES: dict[str, Stage] = {
    "ingest_bronze": ingest_bronze,
    "validate_bronze": validate_bronze,
    "build_silver": build_silver,
    "validate_silver": validate_silver,
    "build_gold": build_gold,
    "validate_gold": validate_gold,
    "commit": commit_batch,
}
