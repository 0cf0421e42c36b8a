"""The operators of a pipeline: Spark stages, and the Python tasks around them."""

from __future__ import annotations

from assay_airflow.operators.actions import BatchActionOperator, StreamActionOperator
from assay_airflow.operators.files import AcceptFilesOperator, ArchiveFilesOperator
from assay_airflow.operators.maintenance import (
    MaintainTablesOperator,
    PurgeWorkOperator,
    TrimHistoryOperator,
)
from assay_airflow.operators.publish import PublishOperator, StageOperator
from assay_airflow.operators.rollback import RollbackOperator
from assay_airflow.operators.spark_stage import QualityGateOperator, SparkStageOperator

__all__ = [
    "AcceptFilesOperator",
    "ArchiveFilesOperator",
    "BatchActionOperator",
    "MaintainTablesOperator",
    "PublishOperator",
    "PurgeWorkOperator",
    "QualityGateOperator",
    "RollbackOperator",
    "SparkStageOperator",
    "StageOperator",
    "StreamActionOperator",
    "TrimHistoryOperator",
]
