"""Builds the DAG of a pipeline: the stage chain, the gates, the trigger form, the policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from airflow.sdk import DAG, AssetAny, BaseOperator, Param, TaskGroup, chain
from pydantic import JsonValue

from assay.airflow_client.dags_folder import dag_file
from assay.airflow_ui.task_docs import doc_of
from assay.batch.params import schemas_of
from assay.contracts.pipelines import (
    Pipeline,
    Trigger,
    all_pipelines,
    find_pipeline,
    pipelines_started_by,
)
from assay.operations.action_params import (
    MAINTENANCE_PARAMS,
    ROLLBACK_PARAMS,
    action_params,
    stream_action_params,
)
from assay.streams.names import can_stream
from assay_airflow.assets import add_lineage, silver_asset
from assay_airflow.endings import NO_RETRY_WITHOUT_PERSON
from assay_airflow.manuals import manual_of
from assay_airflow.operators import (
    AcceptFilesOperator,
    ArchiveFilesOperator,
    BatchActionOperator,
    MaintainTablesOperator,
    PublishOperator,
    PurgeWorkOperator,
    QualityGateOperator,
    RollbackOperator,
    SparkStageOperator,
    StageOperator,
    StreamActionOperator,
    TrimHistoryOperator,
)
from assay_airflow.timetables import OnlyAhead

SPARK_POOL = "spark"
# For the list of DAGs, where a person filters by what starts a pipeline.
TRIGGER_TAGS: dict[Trigger, str] = {"files": "from-landing", "releases": "from-releases"}
WHERE_FOLDERS_ARE = "`make url` prints where the folder `landing/` is."
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def pipeline_dag(name: str, *, doc_md: str | None = None) -> DAG:
    """The DAG of a pipeline of `pipelines.yaml`, from what starts it to its release.

    Without a `doc_md` its manual is made from its contracts. Infrastructure failures are retried
    with back-off; a failed gate, a refused param or an error that a person must act on is not (see
    `attempts`).
    """
    pipeline = find_pipeline(name)
    build = {"files": _from_files, "releases": _from_releases}[pipeline.trigger]
    when = f"`{pipeline.schedule}` (UTC)" if pipeline.schedule else "after each release of these"
    facts = f"Datasets: {', '.join(pipeline.datasets)}. Runs: {when}, or when triggered."
    manual = doc_md or manual_of(pipeline)
    return build(pipeline, f"{manual}\n{facts} Owner: {pipeline.owner}. {WHERE_FOLDERS_ARE}")


def other_pipeline_dags() -> dict[str, DAG]:
    """The DAG of every pipeline that has no file of its own in `dags/`, by name."""
    return {name: pipeline_dag(name) for name in all_pipelines() if not dag_file(name).is_file()}


def _from_files(pipeline: Pipeline, doc_md: str) -> DAG:
    with _pipeline_dag(pipeline, pipeline.schedule, doc_md) as dag:
        accept = AcceptFilesOperator(
            task_id="accept_files", pipeline=pipeline.name, datasets=pipeline.datasets
        )
        with TaskGroup("bronze", prefix_group_id=False, tooltip="As delivered"):
            bronze = [_stage("ingest_bronze"), _gate("bronze")]
        with TaskGroup("silver", prefix_group_id=False, tooltip="Typed, one row per key"):
            silver = [_stage("build_silver"), _gate("silver")]
        chain(accept, *bronze, *silver, *_gold_and_release(archives=True))
        add_lineage(dag, pipeline)
    return dag


def _from_releases(pipeline: Pipeline, doc_md: str) -> DAG:
    """The gold tables of datasets of several pipelines, whenever one of these is released."""
    schedule = AssetAny(*(silver_asset(dataset) for dataset in pipeline.datasets))
    with _pipeline_dag(pipeline, schedule, doc_md) as dag:
        accept = AcceptFilesOperator(
            task_id="accept_releases",
            pipeline=pipeline.name,
            datasets=pipeline.datasets,
            from_silver=True,
        )
        chain(accept, *_gold_and_release(archives=False))
        add_lineage(dag, pipeline)
    return dag


def _pipeline_dag(
    pipeline: Pipeline, schedule: str | AssetAny | None, doc_md: str
) -> AbstractContextManager[DAG]:
    tags = ["medallion", pipeline.name, *pipeline.tags, TRIGGER_TAGS[pipeline.trigger]]
    params = schemas_of(pipeline.datasets)
    return _dag(pipeline.name, schedule, pipeline.owner, tags, doc_md, params)


def maintenance_dag(
    dag_id: str, *, schedule: str, owner: str, tags: Sequence[str], doc_md: str | None
) -> DAG:
    """Keeping house for all pipelines; work folders first, for they need no Spark.

    Unpausing it begins no run: the first one is at the next date of the schedule.
    """
    with _dag(dag_id, OnlyAhead(schedule), owner, tags, doc_md, MAINTENANCE_PARAMS) as dag:
        purge = PurgeWorkOperator(task_id="purge_work")
        tables = MaintainTablesOperator(task_id="maintain_tables", pool=SPARK_POOL)
        chain(purge, tables, TrimHistoryOperator(task_id="trim_history"))
    return dag


def batch_actions_dag(dag_id: str, *, owner: str, tags: Sequence[str], doc_md: str | None) -> DAG:
    """The ways out of a stuck batch of any pipeline."""
    params = action_params(sorted(all_pipelines()))
    return actions_dag(
        dag_id, BatchActionOperator, params=params, owner=owner, tags=tags, doc_md=doc_md
    )


def stream_actions_dag(dag_id: str, *, owner: str, tags: Sequence[str], doc_md: str | None) -> DAG:
    """Starting and stopping the streams of any pipeline, and the ways out of them."""
    pipelines = [each for each in pipelines_started_by("files") if can_stream(each.name)]
    params = stream_action_params(
        sorted(each.name for each in pipelines),
        sorted(dataset for each in pipelines for dataset in each.datasets),
    )
    return actions_dag(
        dag_id, StreamActionOperator, params=params, owner=owner, tags=tags, doc_md=doc_md
    )


def rollback_dag(dag_id: str, *, owner: str, tags: Sequence[str], doc_md: str | None) -> DAG:
    """The way back to an earlier release, of any pipeline."""
    return actions_dag(
        dag_id, RollbackOperator, params=ROLLBACK_PARAMS, owner=owner, tags=tags, doc_md=doc_md
    )


def actions_dag(
    dag_id: str,
    operator: type[BaseOperator],
    *,
    params: Mapping[str, Mapping[str, JsonValue]],
    owner: str,
    tags: Sequence[str],
    doc_md: str | None,
) -> DAG:
    """One task that a person has done by a form; without a schedule, it need not be paused."""
    with _dag(dag_id, None, owner, tags, doc_md, params, is_paused_upon_creation=False) as dag:
        operator(task_id="act")
    return dag


@contextmanager
def _dag(
    dag_id: str,
    schedule: str | AssetAny | OnlyAhead | None,
    owner: str,
    tags: Sequence[str],
    doc_md: str | None,
    params: Mapping[str, Mapping[str, JsonValue]],
    **facts: Any,
) -> Iterator[DAG]:
    """A DAG to put tasks into, each of which is documented in the end.

    The headline of its manual is what a list of DAGs shows of it.
    """
    with DAG(
        dag_id,
        **facts,
        description=_headline(doc_md),
        schedule=schedule,
        start_date=FIRST_DAY,
        catchup=False,
        max_active_runs=1,
        tags=[*tags],
        doc_md=doc_md,
        params={name: _param(schema) for name, schema in params.items()},
        default_args={
            "owner": owner,
            "retries": 2,
            "retry_policy": NO_RETRY_WITHOUT_PERSON,
            "retry_delay": timedelta(seconds=20),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
            "execution_timeout": timedelta(hours=2),
            # A stage that a batch does not need skips itself; that must not skip the rest.
            "trigger_rule": "none_failed",
        },
    ) as dag:
        yield dag
        for task in cast("list[BaseOperator]", dag.tasks):  # none of them is mapped
            task.doc_md = doc_of(dag_id, task.task_id)


def _headline(doc_md: str | None) -> str:
    return next(filter(None, (doc_md or "").splitlines()), "").lstrip("# ")


def _gold_and_release(*, archives: bool) -> list[BaseOperator]:
    """The tasks that every pipeline ends with, inside a DAG."""
    with TaskGroup("gold", prefix_group_id=False, tooltip="Aggregates"):
        gold = [_stage("build_gold"), _gate("gold")]
    with TaskGroup("release", prefix_group_id=False, tooltip="What readers see"):
        stage = StageOperator(task_id="stage")
        commit = _stage("commit")
        publish = PublishOperator(task_id="publish")
        archive = [ArchiveFilesOperator(task_id="archive_files")] if archives else []
    return [*gold, stage, commit, publish, *archive]


def _stage(name: str) -> SparkStageOperator:
    return SparkStageOperator(task_id=name, stage=name, pool=SPARK_POOL)


def _gate(layer: str) -> QualityGateOperator:
    return QualityGateOperator(task_id=f"validate_{layer}", layer=layer, pool=SPARK_POOL)


def _param(schema: Mapping[str, Any]) -> Param:
    return Param(**schema)
