"""Builds the DAG of a pipeline: the stage chain, the gates, the trigger form, the policies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Param, TaskGroup, chain

from assay.params import PARAM_SCHEMAS
from assay_airflow.operators import (
    AcceptFilesOperator,
    ArchiveFilesOperator,
    PublishOperator,
    QualityGateOperator,
    SparkStageOperator,
)

SPARK_POOL = "spark"
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def pipeline_dag(
    dag_id: str,
    *,
    datasets: Sequence[str],
    schedule: str,
    owner: str,
    tags: Sequence[str],
    doc_md: str | None,
) -> DAG:
    """One pipeline from landing files to Postgres.

    Infrastructure failures are retried with back-off; a failed gate, a refused param or an error
    that a person must act on is not (see `attempts`).
    """
    with DAG(
        dag_id,
        schedule=schedule,
        start_date=FIRST_DAY,
        catchup=False,
        max_active_runs=1,
        tags=[*tags],
        doc_md=doc_md,
        params={name: _param(facts) for name, facts in PARAM_SCHEMAS.items()},
        default_args={
            "owner": owner,
            "retries": 2,
            "retry_delay": timedelta(seconds=20),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
            "execution_timeout": timedelta(hours=2),
            # A stage that a batch does not need skips itself; that must not skip the rest.
            "trigger_rule": "none_failed",
        },
    ) as dag:
        accept = AcceptFilesOperator(task_id="accept_files", pipeline=dag_id, datasets=datasets)
        with TaskGroup("bronze", prefix_group_id=False, tooltip="As delivered"):
            bronze = [_stage("ingest_bronze"), _gate("bronze")]
        with TaskGroup("silver", prefix_group_id=False, tooltip="Typed, one row per key"):
            silver = [_stage("build_silver"), _gate("silver")]
        with TaskGroup("gold", prefix_group_id=False, tooltip="Aggregates"):
            gold = [_stage("build_gold"), _gate("gold")]
        with TaskGroup("release", prefix_group_id=False, tooltip="What readers see"):
            commit = _stage("commit")
            publish = PublishOperator(task_id="publish")
            archive = ArchiveFilesOperator(task_id="archive_files")
        chain(accept, *bronze, *silver, *gold, commit, publish, archive)
    return dag


def _stage(name: str) -> SparkStageOperator:
    return SparkStageOperator(task_id=name, stage=name, pool=SPARK_POOL)


def _gate(layer: str) -> QualityGateOperator:
    return QualityGateOperator(task_id=f"validate_{layer}", layer=layer, pool=SPARK_POOL)


def _param(facts: dict[str, Any]) -> Param:
    return Param(**facts)
